/**
 * A state as the server handles it: JSON Lines, a message a line, which nobody here looks into. As one text it costs one
 * copy to hand it to a worker, and what is appended costs what is new.
 */
import { splitLines } from "../protocol/json-lines.ts";

export interface StateText {
  readonly lines: string;
  /** How many lines there are. */
  readonly count: number;
}

export const emptyState: StateText = Object.freeze({ lines: "", count: 0 });

/** @param messages Each as JSON. */
export function stateOf(messages: readonly string[]): StateText {
  return messages.length === 0 ? emptyState : { lines: messages.join("\n"), count: messages.length };
}

/** Each message as JSON. */
export function messagesOf({ lines }: StateText): string[] {
  return splitLines(lines);
}

/** The state with its first `keep` messages, followed by others. */
export function keepThenAppend(state: StateText, keep: number, append: readonly string[]): StateText {
  const kept = firstLines(state, keep);
  const added = stateOf(append);
  if (kept.count === 0) return added;
  if (added.count === 0) return kept;
  return { lines: `${kept.lines}\n${added.lines}`, count: kept.count + added.count };
}

function firstLines(state: StateText, count: number): StateText {
  if (count >= state.count) return state;
  if (count === 0) return emptyState;
  let end = -1;
  for (let line = 0; line < count; line++) end = state.lines.indexOf("\n", end + 1);
  return { lines: state.lines.slice(0, end), count };
}
