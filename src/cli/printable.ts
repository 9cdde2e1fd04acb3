/**
 * A text of the agent's without what a terminal would obey: it must not clear the screen, hide what a person is asked
 * to approve, or set the window's title.
 */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: it is these that are taken out
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, "");
}
