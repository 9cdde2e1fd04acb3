/** Prints a Markdown table whose columns stand in line; all columns but the first are numbers. */
export function printTable(head: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join(" | ")} |`;
  console.log(line(head));
  console.log(
    line(widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`))),
  );
  for (const row of rows) console.log(line(row));
}

/** A number with three digits that matter: 0.123, 1.23, 12.3, 123, 12345. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const places = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toFixed(places);
}
