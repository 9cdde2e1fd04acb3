import { afterAll } from "bun:test";
import { silentLogger } from "../../src/logger.ts";
import { SqliteEventLog } from "../../src/session/sqlite/sqlite-event-log.ts";
import { SqliteIdempotencyStore } from "../../src/session/sqlite/sqlite-idempotency-store.ts";
import { SqliteOutbox } from "../../src/session/sqlite/sqlite-outbox.ts";
import { SqliteSessionStore } from "../../src/session/sqlite/sqlite-session-store.ts";
import { SqliteStores } from "../../src/session/sqlite/sqlite-stores.ts";
import { StoreFile } from "../../src/session/sqlite/store-file.ts";
import { durableStoresContract } from "../contracts/durable-stores.ts";
import { eventLogContract } from "../contracts/event-log.ts";
import { idempotencyStoreContract } from "../contracts/idempotency-store.ts";
import { sessionStoreContract } from "../contracts/session-store.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

const folder = temporaryFolder();
const files: StoreFile[] = [];
const newFile = () => {
  const file = new StoreFile(`${folder.path}/${files.length}.sqlite`, { logger: silentLogger });
  files.push(file);
  return file;
};
afterAll(async () => {
  for (const file of files) await file.close();
  folder[Symbol.dispose]();
});

sessionStoreContract("SqliteSessionStore", async (options) => {
  const file = newFile();
  return new SqliteSessionStore(file, {
    ...options,
    events: new SqliteEventLog(file),
    outbox: new SqliteOutbox(file),
  });
});
eventLogContract("SqliteEventLog", async (bounds) => new SqliteEventLog(newFile(), bounds));
idempotencyStoreContract(
  "SqliteIdempotencyStore",
  async (bounds) => new SqliteIdempotencyStore(newFile(), bounds),
);
durableStoresContract("SqliteStores", async () => {
  const path = `${folder.path}/${crypto.randomUUID()}.sqlite`;
  return async () => new SqliteStores(path, { logger: silentLogger, maxSessions: 0 });
});
