/**
 * What a store's file looks like, and how an older one becomes a newer one.
 *
 * A step is never changed once a server was released with it: what changes is a new step at the end. The number of steps that
 * a file has been through is its `user_version`.
 */
import type { Database } from "bun:sqlite";
import { MotusError } from "../../errors.ts";

/** "motu" as a number: what tells our files from those of other programs. */
const applicationId = 0x6d6f7475;

const first = `
CREATE TABLE sessions (
  ordinal INTEGER PRIMARY KEY AUTOINCREMENT,
  session_id TEXT NOT NULL UNIQUE,
  owner TEXT,
  status TEXT NOT NULL CHECK (status IN ('idle', 'running', 'interrupted', 'error')),
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  total_messages INTEGER NOT NULL,
  receipt TEXT,
  turn_id TEXT,
  response TEXT,
  error TEXT,
  interrupts TEXT
) STRICT;
CREATE INDEX sessions_by_status ON sessions (status);
CREATE INDEX sessions_by_owner ON sessions (owner) WHERE owner IS NOT NULL;
CREATE INDEX sessions_by_activity ON sessions (updated_at);

-- How much there is of what is bounded: counting it would read it all.
CREATE TABLE totals (
  sessions INTEGER NOT NULL DEFAULT 0,
  keys INTEGER NOT NULL DEFAULT 0,
  key_characters INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO totals DEFAULT VALUES;
CREATE TRIGGER session_made AFTER INSERT ON sessions BEGIN UPDATE totals SET sessions = sessions + 1; END;
CREATE TRIGGER session_gone AFTER DELETE ON sessions BEGIN UPDATE totals SET sessions = sessions - 1; END;

CREATE TABLE messages (
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
  position INTEGER NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (session, position)
) STRICT;

-- The turn that is under way in a session: waiting until it is claimed, and then running or asking.
CREATE TABLE accepted_turns (
  place INTEGER PRIMARY KEY,
  session INTEGER NOT NULL UNIQUE REFERENCES sessions ON DELETE CASCADE,
  turn_id TEXT NOT NULL,
  message TEXT NOT NULL,
  webhook TEXT,
  accepted_at INTEGER NOT NULL,
  claimed_at INTEGER
) STRICT;

CREATE TABLE answers (
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
  interrupt_id TEXT NOT NULL,
  value TEXT NOT NULL,
  PRIMARY KEY (session, interrupt_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE ended_turns (
  place INTEGER PRIMARY KEY,
  session INTEGER NOT NULL REFERENCES sessions ON DELETE CASCADE,
  receipt TEXT NOT NULL,
  error TEXT,
  stack TEXT,
  logs TEXT
) STRICT;
CREATE INDEX ended_turns_by_session ON ended_turns (session);

-- reserved_seq: no event has had a greater number, also if the last ones were lost with the machine's memory.
CREATE TABLE event_logs (
  log INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL UNIQUE,
  last_seq INTEGER NOT NULL,
  reserved_seq INTEGER NOT NULL,
  events INTEGER NOT NULL,
  characters INTEGER NOT NULL
) STRICT;

CREATE TABLE events (
  log INTEGER NOT NULL REFERENCES event_logs ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  turn_id TEXT NOT NULL,
  type TEXT NOT NULL,
  json TEXT NOT NULL,
  characters INTEGER NOT NULL,
  PRIMARY KEY (log, seq)
) STRICT;

CREATE TABLE webhooks (
  place INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  session_id TEXT NOT NULL,
  webhook TEXT NOT NULL,
  body TEXT NOT NULL,
  tries INTEGER NOT NULL,
  due_at INTEGER NOT NULL
) STRICT;

CREATE TABLE idempotency_keys (
  place INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL,
  id TEXT NOT NULL,
  begun_at INTEGER NOT NULL,
  progress TEXT NOT NULL CHECK (progress IN ('running', 'interrupted', 'answered')),
  answer TEXT,
  characters INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (begun_at);
CREATE TRIGGER key_begun AFTER INSERT ON idempotency_keys BEGIN UPDATE totals SET keys = keys + 1; END;
CREATE TRIGGER key_answered AFTER UPDATE OF characters ON idempotency_keys
BEGIN UPDATE totals SET key_characters = key_characters + new.characters - old.characters; END;
CREATE TRIGGER key_gone AFTER DELETE ON idempotency_keys
BEGIN UPDATE totals SET keys = keys - 1, key_characters = key_characters - old.characters; END;

-- What is written and deleted again to see whether anything can be.
CREATE TABLE probes (content BLOB NOT NULL) STRICT;

PRAGMA application_id = ${applicationId};
`;

/** Each makes of a file what the next one starts from. */
export const migrations: readonly string[] = [first];

/** The schema of a file: 0 for one that is new. Reads only. */
export function schemaOf(database: Database): number {
  return pragmaOf(database, "user_version");
}

/**
 * Refuses a file that is not ours, or newer than what we know, before anything in it is touched.
 *
 * @throws {MotusError} `store_invalid`.
 */
export function checkSchema(database: Database, path: string, known = migrations.length): void {
  const version = schemaOf(database);
  const isEmpty = pragmaOf(database, "schema_version") === 0;
  if (!isEmpty && pragmaOf(database, "application_id") !== applicationId) {
    throw new MotusError(
      "store_invalid",
      `Cannot use ${path} as a store: it is the database of another program; name another file`,
    );
  }
  if (version <= known) return;
  throw new MotusError(
    "store_invalid",
    `Cannot use ${path} as a store: a newer motus has written it (schema ${version}, this one knows ${known}); ` +
      "upgrade motus",
  );
}

/** Makes a file that is new or older what this motus works with, step by step; each is done whole or not at all. */
export function migrate(database: Database, steps = migrations): void {
  for (let version = schemaOf(database); version < steps.length; version++) {
    database.transaction(() => {
      database.run(steps[version] ?? "");
      database.run(`PRAGMA user_version = ${version + 1}`);
    })();
  }
}

function pragmaOf(database: Database, pragma: string): number {
  const row = database.query<Record<string, number>, []>(`PRAGMA ${pragma}`).get();
  return row?.[pragma] ?? 0;
}
