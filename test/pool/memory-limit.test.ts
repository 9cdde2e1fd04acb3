/** The two ways to hold a worker to its memory, each by itself. */
import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { workerSource } from "../../src/compile/compile-worker.ts";
import { sourceProgram } from "../../src/compile/worker-program.ts";
import { silentLogger } from "../../src/logger.ts";
import { MemoryGroups } from "../../src/pool/limits/memory-groups.ts";
import type { MemoryLimit } from "../../src/pool/limits/memory-limit.ts";
import { MemoryWatch } from "../../src/pool/limits/memory-watch.ts";
import { noLimits } from "../../src/pool/limits/worker-limits.ts";
import { Sandbox } from "../../src/pool/sandbox/sandbox.ts";
import { workerEnvironment } from "../../src/pool/worker-environment.ts";
import { WorkerPool } from "../../src/pool/worker-pool.ts";
import { Output, startCli } from "../cli/run-cli.ts";
import { memoryGroups } from "../helpers/memory-groups.ts";
import { sandboxProblem } from "../helpers/sandbox-problem.ts";
import { until } from "../helpers/until.ts";

const maxMemoryBytes = 250 * 1024 * 1024;
// Memory is slow to get where others want it too.
setDefaultTimeout(30_000);
const program = sourceProgram(workerSource);
const project = fileURLToPath(new URL("../..", import.meta.url));
const folder = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));

function createPool(memory: MemoryLimit, sandbox?: Sandbox) {
  return new WorkerPool({
    sandbox,
    importPath: "hungry.ts:agent",
    folder,
    environment: workerEnvironment(process.env),
    program,
    fallback: program,
    standby: 1,
    standbyMaxAgeMs: 0,
    maxStarts: 2,
    limits: { ...noLimits, maxMemoryBytes },
    memory,
    logger: silentLogger,
  });
}

function createSandbox(): Sandbox {
  const environment = workerEnvironment(process.env);
  const program = [project, process.execPath];
  const nothing = { shown: [], writable: [], secrets: [], settings: [], network: true };
  return Sandbox.create({ folder, program, ...nothing }, environment);
}

async function outcome(pool: WorkerPool, content: string): Promise<string> {
  const message = JSON.stringify({ role: "user", content });
  const names = { sessionId: crypto.randomUUID(), turnId: crypto.randomUUID() };
  const stop = new AbortController().signal;
  const end = await pool.run(
    { ...names, message, state: { texts: [], count: 0 } },
    { timeoutMs: 0, stop, onStart() {}, onSpeech() {} },
  );
  return end.ending.outcome;
}

const groups = MemoryGroups.create(maxMemoryBytes);
afterAll(() => groups?.close());
const limits: [string, () => MemoryLimit, (() => Sandbox)?][] = [
  ["MemoryWatch", () => new MemoryWatch(maxMemoryBytes)],
];
if (sandboxProblem() === undefined)
  limits.push(["MemoryWatch, in a sandbox", () => new MemoryWatch(maxMemoryBytes), createSandbox]);
if (groups) limits.push(["MemoryGroups", () => MemoryGroups.create(maxMemoryBytes) ?? groups]);

for (const [name, create, sandbox] of limits) {
  describe(name, () => {
    test("ends a worker that uses more, alone or with what it has started, and no other", async () => {
      const pool = createPool(create(), sandbox?.());
      try {
        await pool.start();
        expect(await outcome(pool, "ok")).toBe("completed");
        const ends = await Promise.all(
          ["eats memory", "ok", "lets a child eat memory"].map((way) => outcome(pool, way)),
        );
        expect(ends).toEqual(["out_of_memory", "completed", "out_of_memory"]);
        await until("there is a standby again", () => pool.standbyWorkers === 1);
        expect(await outcome(pool, "ok")).toBe("completed");
      } finally {
        await pool.close();
      }
    });
  });
}

describe.if(groups !== undefined && memoryGroups().length > 0)("MemoryGroups", () => {
  test("removes what a server that was killed has left, and nothing of one that runs", async () => {
    const ours = memoryGroups();
    const child = startCli([
      ..."serve start hungry.ts:agent --port 0 --no-compile --max-memory 250".split(" "),
    ]);
    await new Output(child.stdout).until(/"url":"/);
    const left = memoryGroups().filter((group) => !ours.includes(group));
    expect(left).toHaveLength(1);
    const next = MemoryGroups.create(maxMemoryBytes);
    expect(memoryGroups()).toEqual(expect.arrayContaining([...ours, ...left]));
    await next?.close();
    child.kill("SIGKILL");
    await child.exited;
    expect(memoryGroups()).toContain(left[0] ?? "");
    const after = MemoryGroups.create(maxMemoryBytes);
    await until("it is gone", () => !memoryGroups().includes(left[0] ?? ""));
    await after?.close();
    expect(memoryGroups().sort()).toEqual(ours.sort());
  });
});
