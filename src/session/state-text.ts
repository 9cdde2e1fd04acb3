/**
 * A state as the server handles it: JSON Lines, a message a line, which nobody here looks into. It is a few long texts, so that
 * what is appended costs what is new, and to hand all of it to a worker costs one copy.
 */
import { splitLines } from "../protocol/json-lines.ts";

export interface StateText {
  /** One after the other they are the state. None is empty. */
  readonly pieces: readonly Piece[];
  /** How many messages there are in all. */
  readonly count: number;
}

interface Piece {
  /** JSON Lines, without an end of the last line. */
  readonly lines: string;
  readonly count: number;
}

export const emptyState: StateText = Object.freeze({ pieces: Object.freeze([]), count: 0 });

/** @param messages Each as JSON. */
export function stateOf(messages: readonly string[]): StateText {
  return messages.length === 0 ? emptyState : stateOfPieces([pieceOf(messages)]);
}

/** Each message as JSON. */
export function messagesOf({ pieces }: StateText): string[] {
  return pieces.flatMap(({ lines }) => splitLines(lines));
}

/** The texts as they travel. */
export function textsOf({ pieces }: StateText): string[] {
  return pieces.map(({ lines }) => lines);
}

/** The state with its first `keep` messages, followed by others. */
export function keepThenAppend(state: StateText, keep: number, append: readonly string[]): StateText {
  const kept = firstMessages(state.pieces, keep);
  return stateOfPieces(append.length === 0 ? kept : joinShort([...kept, pieceOf(append)]));
}

function pieceOf(messages: readonly string[]): Piece {
  return { lines: messages.join("\n"), count: messages.length };
}

function stateOfPieces(pieces: readonly Piece[]): StateText {
  return { pieces, count: pieces.reduce((sum, { count }) => sum + count, 0) };
}

/**
 * Joins the last pieces while the one before is no longer than what follows it: each is longer than all after it then, so
 * that there are few, and a message is copied by joining a few times in all, and not on every turn.
 */
function joinShort(pieces: readonly Piece[]): Piece[] {
  const joined = [...pieces];
  for (;;) {
    const [before, last] = joined.slice(-2);
    if (before === undefined || last === undefined || before.lines.length > last.lines.length) return joined;
    joined.splice(-2, 2, { lines: `${before.lines}\n${last.lines}`, count: before.count + last.count });
  }
}

function firstMessages(pieces: readonly Piece[], count: number): Piece[] {
  const first: Piece[] = [];
  let missing = count;
  for (const piece of pieces) {
    if (missing === 0) break;
    first.push(piece.count <= missing ? piece : { lines: firstLines(piece.lines, missing), count: missing });
    missing -= Math.min(missing, piece.count);
  }
  return first;
}

function firstLines(lines: string, count: number): string {
  let end = -1;
  for (let line = 0; line < count; line++) end = lines.indexOf("\n", end + 1);
  return lines.slice(0, end);
}
