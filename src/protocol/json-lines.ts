/** Splits JSON Lines into its texts; no lines make no texts. */
export function splitLines(lines: string): string[] {
  return lines === "" ? [] : lines.split("\n");
}
