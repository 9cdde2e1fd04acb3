import type { Session } from "../session.ts";
import type { TurnRecord } from "../session-store.ts";
import { openReadOnly } from "./open-database.ts";
import { SessionTables } from "./session-tables.ts";
import { storeError } from "./store-error.ts";

/** A session with all that belongs to it. */
export interface ExportedSession {
  session: Session;
  /** The state, each message as JSON. */
  messages: readonly string[];
  turns: readonly TurnRecord[];
}

/**
 * All sessions of a store as they are at one moment, oldest first, also while a server uses it.
 *
 * @throws {MotusError} `store_invalid` when it is no store that this motus knows; `store_unavailable` when it is damaged.
 */
export function* exportStore(file: string): Generator<ExportedSession> {
  const { database, path } = openReadOnly(file);
  try {
    // One transaction, so that nothing changes between two sessions.
    database.run("BEGIN");
    const tables = new SessionTables({ prepare: (sql) => database.prepare(sql) as never });
    for (let after = 0; ; ) {
      const [session] = tables.list({ after, limit: 1 });
      if (session === undefined) return;
      yield { session, messages: tables.messages(session), turns: tables.turns(session) };
      after = session.ordinal;
    }
  } catch (error) {
    throw storeError(error, `export ${path}`);
  } finally {
    database.close(true);
  }
}
