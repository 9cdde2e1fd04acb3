import type { TurnReference } from "./session-store.ts";

/** Runs accepted turns, first come, first served, as many at once as there are slots. */
export interface TurnQueue {
  /** Turns that wait for a slot. */
  readonly waiting: number;
  /** Turns that hold a slot. */
  readonly running: number;
  /** Adds a turn; a turn that is in the queue already is not added again. */
  push(turn: TurnReference): Promise<void>;
  /** Takes a waiting turn out; false when it does not wait (any more). */
  drop(turn: TurnReference): Promise<boolean>;
  /** Starts to run turns: `run` holds a slot until its promise settles. Called once. */
  consume(slots: number, run: (turn: TurnReference) => Promise<void>): void;
}
