/** Compiling beside a running server: whatever goes wrong with it, turns run, and the log says what is the matter. */
import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "motus-serve";
import { compileAgent, findCompiled } from "../../src/compile/compile-agent.ts";
import { descendants } from "../helpers/processes.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";
import { type Program, packageOf, Workshop } from "./both-ways.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const some = packageOf("some", { "index.js": "export const some = 1;" }, { type: "module" });
const program = { ...some, "program.ts": 'import { some } from "some"; export const observe = () => some;' };

let cacheDir: string;
let lines: string[];
beforeEach(() => {
  cacheDir = join(workshop.folder, crypto.randomUUID());
  lines = [];
});

const listen = (_: object, text: string) => {
  if (text.startsWith("workers start")) lines.push(text);
};
const logger: Logger = { debug() {}, info: listen, warn: listen, error: listen };

function start(folder: string): Promise<TestServer> {
  return startServer("agent.ts:agent", { folder, cacheDir, logger, compile: true });
}

/** What the log says of how workers start, the next time that it does. */
async function nextLine(): Promise<string> {
  await until("the log says how workers start", () => lines.length > 0);
  return lines.shift() as string;
}

async function answer(server: TestServer): Promise<unknown> {
  const { response } = await server.turn(await server.createSession(), "hello");
  return JSON.parse(String(response?.content));
}

/** The processes that build, of this process. */
function builders(): number[] {
  return descendants(process.pid).filter((pid) => commandOf(pid).includes("build-executable.ts"));
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return ""; // It has ended.
  }
}

const entries = (start: string) => readdirSync(cacheDir).filter((name) => name.startsWith(start));

describe("a server", () => {
  test("serves from source at once, changes over, and finds the executable the next time", async () => {
    const folder = await workshop.write(program);
    {
      await using server = await start(folder);
      expect(lines).toEqual([]);
      expect(await answer(server)).toBe(1);
      expect(await nextLine()).toBe("workers start compiled");
      expect(await answer(server)).toBe(1);
    }
    await using server = await start(folder);
    expect(lines.splice(0)).toEqual(["workers start compiled"]);
    expect(await answer(server)).toBe(1);
    expect(entries("executable-")).toHaveLength(1);
  });

  test("that starts beside another one: both change over, to one executable", async () => {
    const folder = await workshop.write(program);
    await using first = await start(folder);
    await using second = await start(folder);
    expect([await nextLine(), await nextLine()]).toEqual([
      "workers start compiled",
      "workers start compiled",
    ]);
    expect([await answer(first), await answer(second)]).toEqual([1, 1]);
    expect(entries("executable-")).toHaveLength(1);
    expect(entries("draft-")).toEqual([]);
  });

  test("compiles again after the lockfile has changed", async () => {
    const folder = await workshop.write({ ...program, "bun.lock": "one" });
    for (const lock of ["one", "two"]) {
      writeFileSync(join(folder, "bun.lock"), lock);
      await using server = await start(folder);
      expect(await nextLine()).toBe("workers start compiled");
      expect(await answer(server)).toBe(1);
    }
    expect(entries("executable-")).toHaveLength(2);
  });

  test("works from source where nothing can be written", async () => {
    const folder = await workshop.write(program);
    writeFileSync(cacheDir, "a file where the folder should be");
    await using server = await start(folder);
    expect(await nextLine()).toMatch(
      /^workers start from source: the packages could not be compiled: [^\n]+$/,
    );
    expect(await answer(server)).toBe(1);
  });

  test("works from source when its build is killed, and tries it again the next time", async () => {
    const folder = await workshop.write(program);
    {
      await using server = await start(folder);
      await until("it builds", () => builders().length > 0);
      for (const pid of builders()) process.kill(pid, "SIGKILL");
      expect(await nextLine()).toBe(
        "workers start from source: the packages could not be compiled: the build ended with SIGKILL",
      );
      expect(await answer(server)).toBe(1);
      expect(entries("draft-")).toEqual([]);
    }
    await using server = await start(folder);
    expect(await nextLine()).toBe("workers start compiled");
    expect(await answer(server)).toBe(1);
  });

  test("that is stopped while it compiles leaves no process and no draft", async () => {
    const folder = await workshop.write(program);
    const server = await start(folder);
    await until("it builds", () => builders().length > 0);
    await server.server.stop({ now: true });
    expect(builders()).toEqual([]);
    expect(entries("draft-")).toEqual([]);
    expect(entries("executable-")).toEqual([]);
    expect(lines).toEqual([]);
  });

  test("whose cache is emptied works from source, and says so", async () => {
    const folder = await workshop.write(program);
    await using server = await start(folder);
    expect(await nextLine()).toBe("workers start compiled");
    rmSync(cacheDir, { recursive: true });
    expect(await answer(server)).toBe(1);
    expect(await nextLine()).toMatch(/^workers start from source: \S+\/worker is gone$/);
    expect(await answer(server)).toBe(1);
  });

  test("mends an executable that is damaged", async () => {
    const folder = await workshop.write(program);
    const order = { importPath: "agent.ts:agent", folder, cacheFolder: cacheDir, environment: {} };
    const first = await compileAgent(order);
    if ("refused" in first) throw new Error(first.refused);
    // Of the same size, and no program.
    writeFileSync(first.executable, new Uint8Array(first.bytes));
    await using server = await start(folder);
    expect(await nextLine()).toBe(
      "workers start from source: what was compiled is damaged, and is made again",
    );
    expect(await nextLine()).toBe("workers start compiled");
    expect(await answer(server)).toBe(1);
  });
});

describe("an agent that does not load when it is compiled", () => {
  /** Only a worker has this in its environment: neither the build nor the trial fails. */
  const fails: Program = {
    ...packageOf(
      "fails-compiled",
      { "index.js": "export const isCompiled = globalThis.$motus !== undefined;" },
      { type: "module" },
    ),
    "program.ts": `
      import { isCompiled } from "fails-compiled";
      if (isCompiled) throw new Error("not\\nlike this");
      export const observe = () => isCompiled;`,
  };

  test("runs from source, and this is remembered", async () => {
    const folder = await workshop.write(fails);
    const why =
      /^workers start from source: the agent does not load when its packages are compiled: [^\n]*not like this$/;
    {
      await using server = await start(folder);
      expect(await nextLine()).toMatch(why);
      expect(await answer(server)).toBe(false);
    }
    await using server = await start(folder);
    expect(lines.splice(0)).toEqual([expect.stringMatching(why)]);
    expect(builders()).toEqual([]);
    expect(await answer(server)).toBe(false);
  });
});

describe("compileAgent()", () => {
  test("asked for several times at once gives every one the same executable", async () => {
    const folder = await workshop.write(program);
    const order = { importPath: "agent.ts:agent", folder, cacheFolder: cacheDir, environment: {} };
    const compiled = await Promise.all([compileAgent(order), compileAgent(order), compileAgent(order)]);
    const found = findCompiled(order);
    for (const one of compiled) expect(one).toEqual(found as typeof one);
    expect(found).toMatchObject({ packages: ["some"], executable: expect.any(String) });
    expect(readdirSync(cacheDir)).toHaveLength(1);
    expect(readdirSync(join(cacheDir, readdirSync(cacheDir)[0] as string)).sort()).toEqual([
      "files.json",
      "manifest.json",
      "worker",
    ]);
  });

  test("rejects when it is aborted, and leaves nothing", async () => {
    const folder = await workshop.write(program);
    const order = { importPath: "agent.ts:agent", folder, cacheFolder: cacheDir, environment: {} };
    const abort = new AbortController();
    const compiling = compileAgent(order, abort.signal);
    await until("it builds", () => builders().length > 0);
    abort.abort();
    await expect(compiling).rejects.toThrow("the build ended with SIGKILL");
    expect(readdirSync(cacheDir)).toEqual([]);
  });
});
