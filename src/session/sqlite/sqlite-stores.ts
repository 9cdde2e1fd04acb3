import type { MotusError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { Stores } from "../stores.ts";
import { SqliteEventLog } from "./sqlite-event-log.ts";
import { SqliteIdempotencyStore } from "./sqlite-idempotency-store.ts";
import { SqliteOutbox } from "./sqlite-outbox.ts";
import { SqliteSessionStore } from "./sqlite-session-store.ts";
import { StoreFile } from "./store-file.ts";

/** Everything in one file of SQLite, which one server has for itself. */
export class SqliteStores implements Stores {
  readonly sessions: SqliteSessionStore;
  readonly events: SqliteEventLog;
  readonly outbox: SqliteOutbox;
  readonly idempotency: SqliteIdempotencyStore;
  readonly isDurable = true;
  readonly #file: StoreFile;

  /** @throws {MotusError} `store_invalid`, `store_locked`. */
  constructor(file: string, { maxSessions, logger }: { maxSessions: number; logger: Logger }) {
    this.#file = new StoreFile(file, { logger });
    this.events = new SqliteEventLog(this.#file);
    this.outbox = new SqliteOutbox(this.#file);
    this.idempotency = new SqliteIdempotencyStore(this.#file);
    const { events, outbox } = this;
    this.sessions = new SqliteSessionStore(this.#file, { events, outbox, maxSessions });
  }

  get problem(): MotusError | undefined {
    return this.#file.problem;
  }

  whenWritable(signal: AbortSignal): Promise<void> {
    return this.#file.whenWritable(signal);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
