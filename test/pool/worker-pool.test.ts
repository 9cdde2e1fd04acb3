import { describe, expect, test } from "bun:test";
import { existsSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { workerSource } from "../../src/compile/compile-worker.ts";
import { sourceProgram } from "../../src/compile/worker-program.ts";
import { silentLogger } from "../../src/logger.ts";
import type { Ending } from "../../src/pool/run-turn.ts";
import { workerEnvironment } from "../../src/pool/worker-environment.ts";
import { type PoolOptions, WorkerPool } from "../../src/pool/worker-pool.ts";
import { createGate } from "../helpers/gate.ts";
import { descendants, isAlive } from "../helpers/processes.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";

const folder = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));

const fromSource = sourceProgram(workerSource);

function createPool(importPath: string, options: Partial<PoolOptions> = {}) {
  const pool = new WorkerPool({
    importPath,
    folder,
    environment: workerEnvironment(process.env),
    program: fromSource,
    fallback: fromSource,
    standby: 0,
    standbyMaxAgeMs: 0,
    maxStarts: availableParallelism(),
    logger: silentLogger,
    ...options,
  });
  return Object.assign(pool, { [Symbol.asyncDispose]: () => pool.close() });
}

function run(pool: WorkerPool, content: string, { timeoutMs = 0, stop = new AbortController().signal } = {}) {
  const message = JSON.stringify({ role: "user", content });
  const names = { sessionId: crypto.randomUUID(), turnId: crypto.randomUUID() };
  return pool.run(
    { ...names, message, state: { texts: [], count: 0 } },
    { timeoutMs, stop, onStart() {}, onSpeech() {} },
  );
}

const answer = (ending: Ending) =>
  JSON.parse(ending.outcome === "completed" ? ending.result.response : "{}").content;

describe("WorkerPool", () => {
  test("gives every turn a process of its own, with fresh globals, and none a second turn", async () => {
    await using pool = createPool("remembers.ts:agent", { standby: 2 });
    await pool.start();
    const pids = new Set<number>();
    for (let turn = 0; turn < 20; turn++) {
      const { turns, pid } = JSON.parse(answer((await run(pool, "hi")).ending));
      expect(turns).toBe(1);
      expect(isAlive(pid)).toBe(false);
      pids.add(pid);
    }
    expect(pids.size).toBe(20);
  });

  test("gives a turn another worker when its own dies of a signal before it has loaded the agent", async () => {
    using scratch = temporaryFolder();
    const file = `${scratch.path}/dies`;
    const environment = { ...workerEnvironment(process.env), IMPORT_DIES_FILE: file };
    await using pool = createPool("import-dies-once.ts:agent", { environment });
    writeFileSync(file, "");
    expect(answer((await run(pool, "hi")).ending)).toBe("ok");
    expect(existsSync(file)).toBe(false);
  });

  test("hands out a standby that was started before the turn came, and starts another", async () => {
    await using pool = createPool("remembers.ts:agent", { standby: 1 });
    await pool.start();
    const before = descendants(process.pid);
    const { pid } = JSON.parse(answer((await run(pool, "hi")).ending));
    expect(before).toContain(pid);
    await until("there is a standby again", () => pool.standbyWorkers === 1);
  });

  test("keeps no worker without standby", async () => {
    await using pool = createPool("echo.ts:agent");
    const before = descendants(process.pid);
    expect(await pool.start()).toEqual({ kind: "function", warnings: [] });
    await until("the first worker is gone", () => descendants(process.pid).length === before.length);
    expect(pool.standbyWorkers).toBe(0);
    expect(answer((await run(pool, "hi")).ending)).toBe("echo: hi");
  });

  test("replaces a standby that is killed, and a turn finds the new one", async () => {
    await using pool = createPool("remembers.ts:agent", { standby: 1 });
    const others = new Set(descendants(process.pid));
    await pool.start();
    const [standby] = descendants(process.pid).filter((pid) => !others.has(pid));
    process.kill(standby ?? 0, "SIGKILL");
    await until("the standby is gone", () => pool.standbyWorkers === 0);
    await until("there is a standby again", () => pool.standbyWorkers === 1);
    expect((await run(pool, "hi")).ending.outcome).toBe("completed");
  });

  test("replaces a standby that has waited too long by one that is ready", async () => {
    await using pool = createPool("remembers.ts:agent", { standby: 1, standbyMaxAgeMs: 200 });
    await pool.start();
    const [first = 0] = descendants(process.pid).slice(-1);
    expect(isAlive(first)).toBe(true);
    await until("the first one is gone", () => !isAlive(first));
    expect(pool.standbyWorkers).toBe(1); // Its successor was ready before it went.
    expect(answer((await run(pool, "hi")).ending)).toContain('"turns":1');
  });

  test("changes over to another program, a standby at a time, and back", async () => {
    await using pool = createPool("remembers.ts:agent", { standby: 2 });
    const { kind } = await pool.start();
    await until("both wait", () => pool.standbyWorkers === 2);
    const before = descendants(process.pid);
    const marked = { ...fromSource, environment: { AGENT_MARK: "1" } };
    await pool.changeProgram(marked, kind);
    await until("the old ones are gone", () => !before.some(isAlive));
    await until("both wait", () => pool.standbyWorkers === 2);
    await expect(
      pool.changeProgram({ command: ["/nowhere/worker"], environment: {} }, kind),
    ).rejects.toThrow();
    await expect(pool.changeProgram(marked, "another kind")).rejects.toThrow(
      /became .* instead of another kind/,
    );
    expect(pool.standbyWorkers).toBe(2);
    expect(answer((await run(pool, "hi")).ending)).toContain('"turns":1');
  });

  test("starts workers from source when what they start with is gone", async () => {
    const file = join(tmpdir(), `motus-program-${crypto.randomUUID()}`);
    symlinkSync(process.execPath, file);
    const gone = { ...fromSource, command: [file, ...fromSource.command.slice(1)] };
    await using pool = createPool("echo.ts:agent");
    await pool.start(gone);
    expect(answer((await run(pool, "hi")).ending)).toBe("echo: hi");
    rmSync(file);
    expect(answer((await run(pool, "hi")).ending)).toBe("echo: hi");
  });

  test("starts no more processes at once than it may, and every turn gets its own in the end", async () => {
    await using pool = createPool("echo.ts:agent", { maxStarts: 1 });
    const ends = await Promise.all(Array.from({ length: 8 }, (_, i) => run(pool, String(i))));
    expect(ends.map(({ ending }) => answer(ending))).toEqual(
      Array.from({ length: 8 }, (_, i) => `echo: ${i}`),
    );
  });

  test("ends a turn that is stopped before it has a process without starting one", async () => {
    await using pool = createPool("echo.ts:agent");
    const ending: Ending = { outcome: "cancelled", error: "Turn cancelled", stack: null };
    const end = await run(pool, "hi", { stop: AbortSignal.abort(ending) });
    expect(end).toMatchObject({ ending, startedAt: null, exit: null });
  });

  test("reports what a turn cost", async () => {
    await using pool = createPool("echo.ts:agent");
    const { exit } = await run(pool, "hi");
    expect(exit?.cpuMs).toBeGreaterThan(1);
    expect(exit?.maxRssBytes).toBeGreaterThan(10_000_000);
  });

  test("keeps the end of what a worker wrote, also what was in its buffers when the turn ended", async () => {
    await using pool = createPool("ends.ts:agent");
    const { exit } = await run(pool, "writes and returns");
    expect(exit?.stdout.totalBytes).toBe(300 * 1024 + "the last line\n".length);
    expect(exit?.stdout.text()).toEndWith("y\nthe last line\n");
    expect(exit?.stdout.text()).toHaveLength(64 * 1024);
  });

  test("lets an agent that listens for the exit of its process do what it wants there", async () => {
    await using pool = createPool("ends.ts:agent");
    const { exit } = await run(pool, "cleans up at exit");
    expect(exit?.stdout.text()).toBe("cleaned up\n");
  });

  test("counts output beyond what it keeps", async () => {
    await using pool = createPool("ends.ts:agent");
    const { exit } = await run(pool, "floods stdout");
    expect(exit?.stdout.totalBytes).toBeGreaterThan(100 * 1024 * 1024);
    expect(exit?.stdout.text().length).toBe(64 * 1024);
  });

  test("close() ends workers in the middle of a turn and their children", async () => {
    await using gate = createGate();
    const others = new Set(descendants(process.pid));
    const pool = createPool("waits.ts:agent", { standby: 2 });
    await pool.start();
    const turn = run(pool, gate.url);
    await gate.arrivals(1);
    const workers = descendants(process.pid).filter((pid) => !others.has(pid));
    expect(workers.length).toBeGreaterThan(0);
    await pool.close();
    expect(workers.filter(isAlive)).toEqual([]);
    expect((await turn).ending).toMatchObject({
      outcome: "crashed",
      error: "Worker process exited unexpectedly (signal SIGKILL)",
    });
  });
});

describe("WorkerPool.start() refuses", () => {
  for (const [path, code, words] of [
    ["nowhere.ts:agent", "agent_not_found", 'Cannot find the agent\'s module "nowhere.ts"'],
    ["echo.ts:nobody", "agent_export_missing", 'has no export "nobody", it exports agent'],
    [
      "forms.ts:number",
      "agent_invalid",
      "an agent is a function, an object with a runTurn method or an agent of an SDK that motus knows, and this is a number",
    ],
    ["forms.ts:settings", "agent_invalid", "this is an object with model, tools"],
    ["forms.ts:Greeter", "agent_invalid", "it is the class Greeter; export an instance of it"],
    ["import-throws.ts:agent", "agent_import_failed", "RangeError: broken at import"],
    ["import-exits.ts:agent", "agent_import_failed", "exited with exit code 7"],
    [
      "serves-itself.ts:agent",
      "agent_import_failed",
      "guard the code that serves with `if (import.meta.main)`",
    ],
    [":agent", "agent_not_found", "write it as module:export"],
  ] as const) {
    test(path, async () => {
      await using pool = createPool(path, { standby: 1 });
      const refusal = pool.start();
      await expect(refusal).rejects.toMatchObject({ code });
      await expect(refusal).rejects.toThrow(words);
      await refusal.catch(() => {});
      expect(pool.standbyWorkers).toBe(0);
    });
  }
});
