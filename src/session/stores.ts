import type { MotusError } from "../errors.ts";
import type { EventLog } from "./event-log.ts";
import type { IdempotencyStore } from "./idempotency-store.ts";
import type { Outbox } from "./outbox.ts";
import type { SessionStore } from "./session-store.ts";

/** Where a server keeps things, all in one place. */
export interface Stores {
  readonly sessions: SessionStore;
  readonly events: EventLog;
  readonly outbox: Outbox;
  readonly idempotency: IdempotencyStore;
  /** Whether what is kept outlives the server: what waits at its end can be left to the next one then. */
  readonly isDurable: boolean;
  /** Why nothing can be saved now; undefined when it can. */
  readonly problem: MotusError | undefined;
  /** Resolves when things can be saved (again), and when `signal` fires. */
  whenWritable(signal: AbortSignal): Promise<void>;
  /** Saves what was begun, and lets go of everything. */
  close(): Promise<void>;
}
