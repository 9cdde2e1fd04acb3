import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  createDraft,
  executableKey,
  findExecutable,
  hashOfExecutable,
  isDamaged,
  prune,
  publish,
  touch,
} from "../../src/compile/executable-cache.ts";
import { stateOf } from "../../src/compile/file-states.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "motus-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const dayMs = 24 * 3_600_000;

/** An entry that looks like one that was built of some files. */
async function makeEntry(key: string, files: string[] = []): Promise<string> {
  const draft = await createDraft(folder);
  const executable = join(draft, "worker");
  writeFileSync(executable, `the executable of ${key}`, { mode: 0o755 });
  writeFileSync(join(draft, "files.json"), JSON.stringify(files.map(stateOf)));
  const entry = await publish(draft, key, {
    bytes: statSync(executable).size,
    hash: await hashOfExecutable(executable),
    packages: [],
    buildMs: 1,
  });
  if (entry === undefined || "refused" in entry) throw new Error("It was not kept");
  return entry.executable;
}

describe("findExecutable()", () => {
  test("finds what was published, and nothing where something is missing or damaged", async () => {
    const damages: ((executable: string) => void)[] = [
      (executable) => rmSync(executable),
      (executable) => truncateSync(executable, 3),
      (executable) => chmodSync(executable, 0o644),
      (executable) => rmSync(join(executable, "../manifest.json")),
      (executable) => writeFileSync(join(executable, "../manifest.json"), "{"),
      (executable) => rmSync(join(executable, "../files.json")),
    ];
    for (const [index, damage] of damages.entries()) {
      const executable = await makeEntry(`key${index}`);
      expect(findExecutable(folder, `key${index}`)).toMatchObject({ executable });
      damage(executable);
      // Root may run what nobody may run.
      expect(findExecutable(folder, `key${index}`)).toBeUndefined();
      expect(await makeEntry(`key${index}`)).toBe(executable);
      expect(findExecutable(folder, `key${index}`)).toMatchObject({ executable });
    }
  });

  test("finds nothing when a file of a package was changed, and does not mind that it was written again", async () => {
    const file = join(folder, "package.js");
    writeFileSync(file, "one");
    await makeEntry("key", [file]);
    utimesSync(file, 1, 1);
    expect(findExecutable(folder, "key")).toBeDefined();
    writeFileSync(file, "two");
    expect(findExecutable(folder, "key")).toBeUndefined();
    rmSync(file);
    expect(findExecutable(folder, "key")).toBeUndefined();
  });

  test("finds nothing when a file of a package has become one of the program's own", async () => {
    const file = join(folder, "shared.js");
    writeFileSync(file, "");
    await makeEntry("key", [file]);
    expect(findExecutable(folder, "key", [join(folder, "other.js")])).toBeDefined();
    expect(findExecutable(folder, "key", [file])).toBeUndefined();
  });

  test("remembers for a day why there is none", async () => {
    await publish(await createDraft(folder), "key", { refused: "it waits" });
    expect(findExecutable(folder, "key")).toEqual({ refused: "it waits" });
    const yesterday = (Date.now() - dayMs - 1_000) / 1_000;
    utimesSync(join(folder, "executable-key"), yesterday, yesterday);
    expect(findExecutable(folder, "key")).toBeUndefined();
  });
});

test("isDamaged() sees what the size does not show", async () => {
  const executable = await makeEntry("key");
  expect(await isDamaged(folder, "key")).toBe(false);
  writeFileSync(executable, "The executable of key");
  expect(findExecutable(folder, "key")).toBeDefined();
  expect(await isDamaged(folder, "key")).toBe(true);
});

describe("publish()", () => {
  test("uses what another server has put there, and leaves no draft", async () => {
    const [first, second] = await Promise.all([makeEntry("key"), makeEntry("key")]);
    expect(second).toBe(first);
    expect(readdirSync(folder)).toEqual(["executable-key"]);
  });

  test("takes the place of what is damaged", async () => {
    truncateSync(await makeEntry("key"), 1);
    await makeEntry("key");
    expect(findExecutable(folder, "key")).toBeDefined();
    expect(readdirSync(folder)).toEqual(["executable-key"]);
  });
});

describe("prune()", () => {
  /** The hours since each was used. */
  function makeFolders(ages: Record<string, number>): void {
    for (const [name, hours] of Object.entries(ages)) {
      mkdirSync(join(folder, name));
      const usedAt = (Date.now() - hours * 3_600_000) / 1_000;
      utimesSync(join(folder, name), usedAt, usedAt);
    }
  }

  test("keeps the eight that were used last, and all that were used today", async () => {
    const numbers = Array.from({ length: 12 }, (_, index) => index);
    makeFolders(Object.fromEntries(numbers.map((number) => [`executable-${number}`, 20 + number])));
    await prune(folder, Date.now());
    expect(readdirSync(folder).sort()).toEqual(numbers.slice(0, 8).map((number) => `executable-${number}`));
    await prune(folder, Date.now() + 100 * dayMs);
    expect(readdirSync(folder)).toHaveLength(8);
  });

  test("removes drafts that nobody has finished within a day, and leaves all else alone", async () => {
    makeFolders({
      "draft-young": 1,
      "draft-old": 30,
      "worker-abc": 1_000,
      "executable-old": 1_000,
      other: 1_000,
    });
    await prune(folder, Date.now());
    expect(readdirSync(folder).sort()).toEqual(["draft-young", "executable-old", "other", "worker-abc"]);
  });

  test("leaves what is in use: touch() says so", async () => {
    const executables: string[] = [];
    for (let number = 0; number < 9; number++) executables.push(await makeEntry(`key${number}`));
    const longAgo = (Date.now() - 2 * dayMs) / 1_000;
    for (const executable of executables) utimesSync(join(executable, ".."), longAgo, longAgo);
    await touch(executables[0] as string);
    await prune(folder, Date.now());
    expect(findExecutable(folder, "key0")).toBeDefined();
    expect(readdirSync(folder)).toHaveLength(8);
  });
});

describe("executableKey()", () => {
  test("is another one after a change of the lockfile, of a package, or of what is imported", async () => {
    const program = join(folder, "app/src/agent.ts");
    const file = join(folder, "app/node_modules/some/index.js");
    const manifest = join(folder, "app/node_modules/some/package.json");
    const write = (path: string, text: string) => Bun.write(path, text);
    await write(file, "");
    await write(manifest, '{ "version": "1.0.0" }');
    const key = (packages: [string, string][] = [["some", file]]) =>
      executableKey({ files: [program], packages: new Map(packages) });
    const keys = [key()];
    expect(key()).toBe(keys[0] as string);
    keys.push(key([]), key([["some", `${file}2`]]));
    await write(manifest, '{ "version": "1.0.1" }');
    keys.push(key());
    await write(join(folder, "bun.lock"), "one");
    keys.push(key());
    await write(join(folder, "bun.lock"), "two");
    keys.push(key());
    await write(join(folder, "app/package.json"), '{ "dependencies": { "driver": "1.0.0" } }');
    keys.push(key());
    expect(new Set(keys).size).toBe(keys.length);
  });
});
