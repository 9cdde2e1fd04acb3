/** Opens a store's file, and refuses what is not one before anything in it is touched. */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, openSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { MotusError } from "../../errors.ts";
import { checkSchema, migrate, migrations, schemaOf } from "./schema.ts";
import { readOnly, saysDamaged, storeError } from "./store-error.ts";
import { lockStore } from "./store-lock.ts";

/** How long a step waits, the whole server with it, for a program that writes to the file meanwhile. */
const busyMs = 250;

/**
 * For the server: alone, ready to write, with the newest schema.
 *
 * @throws {MotusError} `store_invalid`, `store_locked`; `store_unavailable` when the disk is full, for example.
 */
export function openDatabase(
  file: string,
  steps = migrations,
): { database: Database; path: string; lock: Disposable } {
  const path = realPath(file);
  return explained(path, () => {
    const lock = lockStore(path);
    let database: Database | undefined;
    try {
      // Conversations, and the secrets of webhooks. SQLite gives its other files the mode of this one.
      if (!existsSync(path)) closeSync(openSync(path, "wx", 0o600));
      checkWritable(path);
      database = new Database(path, { readwrite: true });
      checkSchema(database, path, steps.length);
      prepare(database, path);
      migrate(database, steps);
      closeOpenLogs(database);
      return { database, path, lock };
    } catch (error) {
      database?.close(true);
      lock[Symbol.dispose]();
      throw error;
    }
  });
}

/**
 * For looking only, also while a server uses it.
 *
 * @throws {MotusError} `store_invalid`, `store_unavailable`.
 */
export function openReadOnly(file: string): { database: Database; path: string } {
  const path = realPath(file);
  return explained(path, () => {
    if (!existsSync(path)) throw invalid(path, "there is no such file");
    const database = new Database(path, { readonly: true });
    try {
      database.run(`PRAGMA busy_timeout = ${busyMs}`);
      checkSchema(database, path);
      const version = schemaOf(database);
      if (version === migrations.length) return { database, path };
      throw invalid(
        path,
        version === 0
          ? "nothing was ever stored in it"
          : `an older motus has written it (schema ${version}, this one knows ${migrations.length}); start a server on it once`,
      );
    } catch (error) {
      database.close(true);
      throw error;
    }
  });
}

/** Before SQLite opens it: beside a file that is read-only it would leave one that still is when this one no longer is. */
function checkWritable(path: string): void {
  try {
    closeSync(openSync(path, "r+"));
  } catch (error) {
    throw new MotusError("store_unavailable", `Cannot use ${path} as a store: ${readOnly}`, { cause: error });
  }
}

function prepare(database: Database, path: string): void {
  database.run(`PRAGMA busy_timeout = ${busyMs}`);
  const mode = database.query<{ journal_mode: string }, []>("PRAGMA journal_mode = WAL").get()?.journal_mode;
  if (mode !== "wal") throw invalid(path, "its file system cannot share memory; name a file on a local disk");
  database.run("PRAGMA foreign_keys = ON");
  database.run("PRAGMA fullfsync = ON"); // Without it, macOS says that things are on the disk which are not.
  database.run("PRAGMA cache_size = -16384"); // In kB.
  // An export that takes long lets the write-ahead log grow; afterwards it is cut back to this.
  database.run(`PRAGMA journal_size_limit = ${64 * 1024 * 1024}`);
}

/** Makes event logs fit to go on with that a server has left in the middle of a turn. */
function closeOpenLogs(database: Database): void {
  const open = "reserved_seq > last_seq";
  const ended = `${open} AND session_id IN (SELECT session_id FROM sessions WHERE turn_id IS NULL)`;
  database.transaction(() => {
    database.run("DELETE FROM event_logs WHERE session_id NOT IN (SELECT session_id FROM sessions)");
    // A turn whose end is recorded and was not told: whoever reads on gets the session as it is instead.
    database.run(`DELETE FROM events WHERE log IN (SELECT log FROM event_logs WHERE ${ended})`);
    database.run(`UPDATE event_logs SET events = 0, characters = 0 WHERE ${ended}`);
    database.run(`UPDATE event_logs SET last_seq = reserved_seq WHERE ${open}`);
  })();
}

/** The one path of a file, so that two names of it have one lock. */
function realPath(file: string): string {
  const path = resolve(file);
  let isFolder: boolean;
  let real: string;
  try {
    isFolder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
    real = existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
  } catch (error) {
    throw invalid(
      path,
      `its folder cannot be used (${(error as NodeJS.ErrnoException).code}); make it first`,
    );
  }
  if (isFolder) throw invalid(path, "it is a folder; name a file in it");
  return real;
}

function explained<T>(path: string, open: () => T): T {
  try {
    return open();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== undefined && /^E[A-Z]+$/.test(code)) throw invalid(path, `${code} when it was made`, error);
    throw storeError(error, `use ${path} as a store`, {
      code: saysDamaged(error) ? "store_invalid" : "store_unavailable",
    });
  }
}

function invalid(path: string, why: string, cause?: unknown): MotusError {
  return new MotusError("store_invalid", `Cannot use ${path} as a store: ${why}`, { cause });
}
