import type { Stores } from "../stores.ts";
import { MemoryEventLog } from "./memory-event-log.ts";
import { MemoryIdempotencyStore } from "./memory-idempotency-store.ts";
import { MemoryOutbox } from "./memory-outbox.ts";
import { MemorySessionStore } from "./memory-session-store.ts";

/** Everything in the server's own memory: nothing to set up, gone with the process. */
export class MemoryStores implements Stores {
  readonly sessions: MemorySessionStore;
  readonly events = new MemoryEventLog();
  readonly outbox = new MemoryOutbox();
  readonly idempotency = new MemoryIdempotencyStore();
  readonly isDurable = false;
  readonly problem = undefined;

  constructor(options: { maxSessions: number }) {
    this.sessions = new MemorySessionStore(options);
  }

  async whenWritable(): Promise<void> {}

  async close(): Promise<void> {}
}
