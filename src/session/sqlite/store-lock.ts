/**
 * Keeps a second server from a store. The lock is one of SQLite's own, on a file beside the store that stays empty: the
 * kernel drops it with the process, however that ends, and what the process has started does not inherit it.
 */
import { Database } from "bun:sqlite";
import { MotusError } from "../../errors.ts";
import { saysBusy } from "./store-error.ts";

/** @throws {MotusError} `store_locked`. */
export function lockStore(path: string): Disposable {
  const database = new Database(`${path}-lock`);
  try {
    database.run("PRAGMA journal_mode = MEMORY"); // Or a file would be left that takes part in nothing.
    database.run("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close(true);
    if (!saysBusy(error)) throw error;
    throw new MotusError(
      "store_locked",
      `Cannot use ${path} as a store: another server uses it; stop that one, or name another file`,
    );
  }
  return { [Symbol.dispose]: () => database.close(true) };
}
