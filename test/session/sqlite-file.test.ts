/** A store's file: who may open it, what it refuses, and what it does when the disk does not do its part. */
import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { silentLogger } from "../../src/logger.ts";
import { openReadOnly } from "../../src/session/sqlite/open-database.ts";
import { migrations } from "../../src/session/sqlite/schema.ts";
import { SqliteStores } from "../../src/session/sqlite/sqlite-stores.ts";
import { StoreFile } from "../../src/session/sqlite/store-file.ts";
import { smallDisk, smallDiskProblem } from "../helpers/small-disk.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = `${folder.path}/motus.sqlite`;
});
afterEach(() => folder[Symbol.dispose]());

const logger = silentLogger;
const open = (path = file) => new StoreFile(path, { logger });
const openStores = (path = file) => new SqliteStores(path, { logger, maxSessions: 0 });
const refusal = (code: string, words: string) =>
  expect.objectContaining({ code, message: expect.stringContaining(words) });
const make = (stores: SqliteStores, metadata = {}) =>
  stores.sessions.create({ sessionId: crypto.randomUUID(), state: [], metadata, at: 1 });

describe("a store's file", () => {
  test("can be read by nobody but its owner, all of its parts", async () => {
    const stores = openStores();
    await make(stores);
    for (const part of ["", "-wal", "-shm"]) expect(statSync(file + part).mode & 0o777).toBe(0o600);
    await stores.close();
    expect(existsSync(`${file}-wal`)).toBe(false);
  });

  test("belongs to one server, whatever it calls the file, and to the next one after that", async () => {
    const first = open();
    symlinkSync(folder.path, `${folder.path}/link`);
    for (const name of [file, `${folder.path}/./motus.sqlite`, `${folder.path}/link/motus.sqlite`])
      expect(() => open(name)).toThrow(refusal("store_locked", "another server uses it"));
    await first.close();
    await open().close();
  });

  test("is free again when the process that had it was killed", async () => {
    const script = `
      import { StoreFile } from "${new URL("../../src/session/sqlite/store-file.ts", import.meta.url).pathname}";
      globalThis.file = new StoreFile("${file}", { logger: { debug() {}, info() {}, warn() {}, error() {} } });
      console.log("open");
      setInterval(() => {}, 1_000);`;
    const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
    const output = child.stdout.getReader();
    expect(new TextDecoder().decode((await output.read()).value)).toBe("open\n");
    expect(() => open()).toThrow(refusal("store_locked", "another server uses it"));
    child.kill("SIGKILL");
    await child.exited;
    await open().close();
  });

  test.each([
    ["a folder that is not there", () => `${folder.path}/none/motus.sqlite`, "ENOENT"],
    ["a folder", () => folder.path, "it is a folder"],
    [
      "a file in something that is no folder",
      () => {
        writeFileSync(`${folder.path}/plain`, "");
        return `${folder.path}/plain/motus.sqlite`;
      },
      "its folder cannot be used",
    ],
  ])("cannot be %s", (_, path, words) => {
    const name = path();
    expect(() => open(name)).toThrow(words);
    expect(() => open(name)).toThrow("Cannot use ");
  });

  test.each([
    ["garbage", () => writeFileSync(file, "no database, but long enough to look at ".repeat(100))],
    [
      "the database of another program",
      () => {
        const database = new Database(file);
        database.run("CREATE TABLE bookmarks (url TEXT)");
        database.close();
      },
    ],
    [
      "one of a newer motus",
      () => {
        const database = new Database(file);
        database.run("PRAGMA user_version = 999");
        database.run("PRAGMA application_id = 1836020853");
        database.run("CREATE TABLE sessions (id TEXT)");
        database.close();
      },
    ],
  ])("is refused when it is %s, and left as it is", (_, write) => {
    write();
    const before = readFileSync(file);
    expect(() => open()).toThrow(refusal("store_invalid", "Cannot use "));
    expect(() => openReadOnly(file)).toThrow(refusal("store_invalid", "Cannot use "));
    expect(readFileSync(file)).toEqual(before);
    expect(existsSync(`${file}-wal`)).toBe(false);
  });
});

describe("the schema", () => {
  const older = [
    ...migrations,
    "ALTER TABLE sessions ADD COLUMN colour TEXT NOT NULL DEFAULT 'none'",
    "CREATE TABLE colours (colour TEXT)",
  ];

  test("of an older file becomes the newest, with what is in it", async () => {
    const stores = openStores();
    const made = await make(stores, { user: "ada" });
    await stores.close();
    const newer = new StoreFile(file, { logger, steps: older });
    const rows = newer.read(() => newer.prepare("SELECT metadata, colour FROM sessions").all());
    expect(rows).toEqual([{ metadata: '{"user":"ada"}', colour: "none" }]);
    expect(newer.prepare("PRAGMA user_version").get()).toEqual({ user_version: older.length });
    await newer.close();
    // And this motus is now the older one.
    expect(() => open()).toThrow(refusal("store_invalid", "a newer motus has written it"));
    expect(made).toMatchObject({ metadata: { user: "ada" } });
  });

  test("stays what it was when a step fails in the middle", async () => {
    await open().close();
    const broken = [...migrations, "CREATE TABLE half (x TEXT); CREATE TABLE half (x TEXT);"];
    expect(() => new StoreFile(file, { logger, steps: broken })).toThrow("half");
    const again = open();
    expect(again.prepare("PRAGMA user_version").get()).toEqual({ user_version: migrations.length });
    expect(again.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all()).toEqual([]);
    await again.close();
  });

  test("of an older file is not what an export works with", async () => {
    await open().close();
    const database = new Database(file);
    database.run("PRAGMA user_version = 0");
    database.close();
    expect(() => openReadOnly(file)).toThrow(refusal("store_invalid", "nothing was ever stored in it"));
  });
});

describe("writes", () => {
  test("that are asked for together are one transaction, and one that fails does not take the others with it", async () => {
    const store = open();
    const insert = store.prepare<unknown, [string]>(
      "INSERT INTO webhooks VALUES (NULL, ?, '', '', '', 0, 0)",
    );
    const write = (id: string) => store.write(() => void insert.run(id));
    const results = await Promise.allSettled([write("a"), write("b"), write("a"), write("c")]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    expect(store.prepare("SELECT id FROM webhooks").all()).toEqual([{ id: "a" }, { id: "b" }, { id: "c" }]);
    expect(store.problem).toBeUndefined();
    await store.close();
  });

  test("are done before the file is closed, and refused afterwards", async () => {
    const store = open();
    const late = store.write(() => "done");
    await store.close();
    expect(await late).toBe("done");
    const closed = refusal("store_unavailable", "the server has stopped");
    await expect(store.write(() => 1)).rejects.toEqual(closed);
    expect(() => store.read(() => 1)).toThrow(closed);
  });

  test("wait for another program for a moment only", async () => {
    const store = open();
    const other = new Database(file);
    other.run("BEGIN IMMEDIATE");
    await expect(store.write(() => 1)).rejects.toEqual(
      refusal("store_unavailable", "another program writes to it"),
    );
    expect(store.problem?.status).toBe(503);
    other.run("COMMIT");
    other.close();
    await store.whenWritable(new AbortController().signal);
    expect(store.problem).toBeUndefined();
    expect(await store.write(() => 1)).toBe(1);
    await store.close();
  });
});

describe("an idempotency key", () => {
  test.each([
    [false, "is free", { isRepeated: false }],
    [true, "may be tried again", { isRepeated: true }],
  ])("whose failure (%p) could not be written %s once it can be", async (mayHaveRun, _, expected) => {
    const stores = openStores();
    const request = { key: "k", fingerprint: "f", at: 1 };
    await stores.idempotency.begin(request);
    const other = new Database(file);
    other.run("BEGIN IMMEDIATE");
    await expect(stores.idempotency.fail("k", mayHaveRun)).rejects.toThrow("another program writes to it");
    await expect(stores.idempotency.begin(request)).rejects.toThrow("another program writes to it");
    other.run("COMMIT");
    other.close();
    const both = await Promise.all([stores.idempotency.begin(request), stores.idempotency.begin(request)]);
    expect(both).toMatchObject([{ type: "run", ...expected }, { type: "in_progress" }]);
    await stores.close();
  });
});

describe("event numbers", () => {
  const event = (type: "text-delta" | "turn-end" = "text-delta") => ({ turnId: "t", type, fields: '"x":1}' });
  const underWay = async (stores: SqliteStores) => {
    const sessionId = crypto.randomUUID();
    const turn = { sessionId, turnId: "t", message: "{}", webhook: null, acceptedAt: 1 };
    await stores.sessions.create({ sessionId, state: [], metadata: {}, at: 1 });
    await stores.sessions.accept(turn);
    await stores.sessions.claim(turn);
    return turn;
  };
  /** The file as it is on the disk now, as if the machine had failed. */
  const fail = (name: string) => {
    mkdirSync(`${folder.path}/${name}`);
    const copy = `${folder.path}/${name}/motus.sqlite`;
    for (const part of ["", "-wal"]) copyFileSync(file + part, copy + part);
    return copy;
  };

  test("go on after a stop where they were", async () => {
    const first = openStores();
    const { sessionId } = await underWay(first);
    await first.events.append(sessionId, [event(), event(), event("turn-end")]);
    await first.close();
    const second = openStores();
    await second.events.append(sessionId, [event()]);
    const { events, gap } = await second.events.read(sessionId, 1, 10);
    expect([gap, events.map(({ seq }) => seq)]).toEqual([false, [2, 3, 4]]);
    await second.close();
  });

  test("that were read and lost are not given again, and their reader is told", async () => {
    const first = openStores();
    const { sessionId } = await underWay(first);
    await first.events.append(sessionId, [event(), event()]);
    const copy = fail("failed");
    await first.events.append(sessionId, [event(), event()]);
    expect((await first.events.read(sessionId, 2, 10)).events.map(({ seq }) => seq)).toEqual([3, 4]);
    await first.close();

    const second = openStores(copy);
    await second.events.append(sessionId, [event("turn-end")]);
    expect((await second.events.read(sessionId, 4, 10)).gap).toBe(true);
    const { events, gap, lastSeq } = await second.events.read(sessionId, 2, 10);
    expect([gap, events.map(({ seq }) => seq)]).toEqual([false, [lastSeq]]);
    expect(lastSeq).toBeGreaterThan(4);
    await second.close();
  });

  test("bring a reader the session when the end of a turn was recorded and not told", async () => {
    const first = openStores();
    const { sessionId, turnId } = await underWay(first);
    await first.events.append(sessionId, [event(), event()]);
    const record = { receipt: { turn_id: turnId } as never, error: "why", stack: null, logs: null };
    await first.sessions.finish({ sessionId, turnId, at: 2, type: "fail", error: "why", record });
    const copy = fail("failed");
    await first.close();

    const second = openStores(copy);
    const { gap, lastSeq } = await second.events.read(sessionId, 2, 10);
    expect(gap).toBe(true);
    // Where it goes on from after it was told.
    await second.events.append(sessionId, [event()]);
    const { events } = await second.events.read(sessionId, lastSeq, 10);
    expect(events.map(({ seq }) => seq)).toEqual([lastSeq + 1]);
    await second.close();
  });

  test("are forgotten with a session whose deletion was not finished", async () => {
    const first = openStores();
    const { sessionId } = await underWay(first);
    await first.events.append(sessionId, [event()]);
    await first.sessions.remove(sessionId);
    await first.close();
    const second = openStores();
    expect(await second.events.read(sessionId, 0, 10)).toEqual({ events: [], lastSeq: 0, gap: false });
    await second.close();
  });
});

describe("a file that is damaged while it is used", () => {
  test("is said to be, and nothing is written to it any more", async () => {
    const stores = openStores();
    const state = Array.from({ length: 3_000 }, (_, i) =>
      JSON.stringify({ role: "user", content: `${i} `.repeat(50) }),
    );
    const sessionId = crypto.randomUUID();
    await stores.sessions.create({ sessionId, state, metadata: {}, at: 1 });
    await stores.close();
    const bytes = readFileSync(file);
    for (let page = 50; page < bytes.length / 4096; page++) bytes.fill(0xee, page * 4096, (page + 1) * 4096);
    writeFileSync(file, bytes);

    const damaged = openStores();
    const refused = refusal("store_unavailable", "it is damaged and not written any more");
    await expect(damaged.sessions.messages(sessionId)).rejects.toEqual(refused);
    expect(damaged.problem).toEqual(refused);
    const before = readFileSync(file);
    await expect(make(damaged)).rejects.toEqual(refused);
    const waiting = damaged.whenWritable(AbortSignal.timeout(10));
    await waiting;
    await damaged.close();
    expect(readFileSync(file)).toEqual(before);
  });
});

const noDisk = smallDiskProblem();
describe.skipIf(noDisk !== undefined)(
  `a full disk${noDisk === undefined ? "" : ` (skipped: ${noDisk})`}`,
  () => {
    test("refuses what is written, keeps all that was there, and takes more when it has room again", async () => {
      using disk = smallDisk(4);
      const path = `${disk.path}/motus.sqlite`;
      const stores = openStores(path);
      const metadata = { text: "x".repeat(20_000) };
      const kept = [await make(stores, metadata)];
      disk.fill();
      const refused = refusal("store_unavailable", "the disk is full");
      const fillUp = async () => {
        for (let i = 0; i < 500; i++) kept.push(await make(stores, metadata));
      };
      await expect(fillUp()).rejects.toEqual(refused);
      expect(stores.problem).toEqual(refused);
      expect(await stores.sessions.count()).toBe(kept.length);
      disk.empty();
      await until("the store can be written", () => stores.problem === undefined);
      kept.push(await make(stores, metadata));
      await stores.close();
      const again = openStores(path);
      expect(await again.sessions.list({})).toEqual(kept as never);
      await again.close();
    });

    test("lets no store be made, and says why", async () => {
      using disk = smallDisk(1);
      disk.fill();
      const full = refusal("store_unavailable", "the disk is full");
      expect(() => openStores(`${disk.path}/motus.sqlite`)).toThrow(full);
      disk.empty();
      await openStores(`${disk.path}/motus.sqlite`).close();
    });
  },
);
