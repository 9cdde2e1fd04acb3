import type { TurnReference } from "./session-store.ts";

/** The right to run, held by a turn from its start; a turn that waits for a person gives it up meanwhile. */
export interface Slot {
  /** Lets another turn run; does nothing when the slot is not held. */
  release(): void;
  /** Takes a slot again, before turns that have not started; false when `signal` fires first. */
  acquire(signal: AbortSignal): Promise<boolean>;
}

/** Runs accepted turns, first come, first served, as many at once as there are slots. */
export interface TurnQueue {
  /** Turns that wait for a slot. */
  readonly waiting: number;
  /** Slots that are held. */
  readonly running: number;
  /** Adds a turn; a turn that is in the queue already is not added again. */
  push(turn: TurnReference): Promise<void>;
  /** Takes a waiting turn out; false when it does not wait (any more). */
  drop(turn: TurnReference): Promise<boolean>;
  /** Starts to run turns: `run` holds its slot until its promise settles, unless it releases it. Called once. */
  consume(slots: number, run: (turn: TurnReference, slot: Slot) => Promise<void>): void;
}
