/** What SQLite says, for people who run a server. */
import { SQLiteError } from "bun:sqlite";
import { type ErrorCode, MotusError } from "../../errors.ts";

/** In seconds; what a client is told to wait before it tries again. */
const retryAfter = { "Retry-After": "2" };

export const readOnly = "it is read-only; let the server's user write to it and to its folder";
const reasons: Record<string, string> = {
  SQLITE_FULL: "the disk is full; free some space",
  SQLITE_BUSY: "another program writes to it; let that one end",
  SQLITE_READONLY: readOnly,
  SQLITE_PERM: "it may not be written; let the server's user write to it and to its folder",
  SQLITE_CANTOPEN: "it cannot be opened; let the server's user write to it and to its folder",
  SQLITE_CORRUPT:
    "it is damaged and not written any more; restore a backup, or save what `motus store export` can read",
  SQLITE_NOTADB: "it is no SQLite database, or damaged; restore a backup, or name another file",
};

/** Whether an error says that what is in the file is not what was written. */
export function saysDamaged(error: unknown): boolean {
  return error instanceof SQLiteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code ?? "");
}

/** Whether another program has the file: trying again at once would only wait once more. */
export function saysBusy(error: unknown): boolean {
  return error instanceof SQLiteError && error.code?.startsWith("SQLITE_BUSY") === true;
}

/**
 * An error of SQLite as one of ours; any other error as it is.
 *
 * @param goesOn Whether it is tried again without anybody's doing.
 */
export function storeError(
  error: unknown,
  doing: string,
  { code = "store_unavailable", goesOn = false }: { code?: ErrorCode; goesOn?: boolean } = {},
): unknown {
  if (!(error instanceof SQLiteError)) return error;
  const [, name = ""] = /^(SQLITE_[A-Z]+)/.exec(error.code ?? "") ?? [];
  // What is wrong with a statement or its values is our own fault.
  if (
    ["SQLITE_ERROR", "SQLITE_CONSTRAINT", "SQLITE_MISMATCH", "SQLITE_MISUSE", "SQLITE_TOOBIG"].includes(name)
  )
    return error;
  const reason = reasons[name] ?? `the disk failed (${error.code}: ${error.message})`;
  const then = goesOn && !saysDamaged(error) ? ", and it goes on by itself" : "";
  return new MotusError(code, `Cannot ${doing}: ${reason}${then}`, { cause: error, headers: retryAfter });
}

/** The store cannot be used any more. */
export function storeClosed(path: string): MotusError {
  return new MotusError("store_unavailable", `Cannot use the store ${path}: the server has stopped`, {
    headers: retryAfter,
  });
}
