import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { compileWorker, defaultCacheFolder } from "../../src/compile/compile-worker.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "motus-cache-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("compileWorker()", () => {
  test("writes the worker with its bytecode, once, however many ask for it at the same time", async () => {
    const entries = await Promise.all(Array.from({ length: 5 }, () => compileWorker(folder)));
    expect(new Set(entries).size).toBe(1);
    expect(readdirSync(folder)).toHaveLength(1);
    expect(readdirSync(join(folder, readdirSync(folder)[0] as string)).sort()).toEqual([
      "main.js",
      "main.js.jsc",
    ]);
    expect(await compileWorker(folder)).toBe(entries[0] as string);
  });

  test("keeps the worker small: the schema library costs more than a turn", async () => {
    const entry = await compileWorker(folder);
    expect(Bun.file(entry).size).toBeLessThan(120_000);
    expect(await Bun.file(entry).text()).not.toContain("TypeBox");
  });

  test("mends what is damaged", async () => {
    const entry = await compileWorker(folder);
    const code = await Bun.file(entry).text();
    for (const damage of [
      () => rmSync(entry),
      () => writeFileSync(entry, "{"),
      () => rmSync(`${entry}.jsc`),
    ]) {
      damage();
      expect(await compileWorker(folder)).toBe(entry);
      expect(await Bun.file(entry).text()).toBe(code);
      expect(Bun.file(`${entry}.jsc`).size).toBeGreaterThan(1_000);
    }
  });

  test("rejects when nothing can be written, and leaves nothing behind", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "");
    await expect(compileWorker(join(file, "below"))).rejects.toThrow();
    expect(readdirSync(folder)).toEqual(["file"]);
  });
});

test("defaultCacheFolder() is the user's folder for such things", () => {
  expect(defaultCacheFolder({ XDG_CACHE_HOME: "/x" })).toBe("/x/motus");
  expect(defaultCacheFolder({})).toEndWith("/.cache/motus");
});
