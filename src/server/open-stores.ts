/** `--store` in words → where a server keeps things. */
import type { Logger } from "../logger.ts";
import { MemoryStores } from "../session/memory/memory-stores.ts";
import { SqliteStores } from "../session/sqlite/sqlite-stores.ts";
import type { Stores } from "../session/stores.ts";
import { sqliteStore } from "./options.ts";

/** @throws {MotusError} `store_invalid`, `store_locked`, `store_unavailable`. */
export function openStores(store: string, options: { maxSessions: number; logger: Logger }): Stores {
  if (store === "memory") return new MemoryStores(options);
  return new SqliteStores(store.slice(sqliteStore.length), options);
}
