/**
 * Most of a turn is waiting for a model. What do 500 turns cost that each wait 2 s, all at once?
 *
 *     bun bench/waiting.ts      (Linux; under a minute, wants an idle machine and 16 GB)
 *
 * Beside it the floor: the bare time to start as many workers, as many at once as there are CPUs.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { compileAgent } from "../src/compile/compile-agent.ts";
import { defaultCacheFolder } from "../src/compile/compile-worker.ts";
import { executableProgram } from "../src/compile/worker-program.ts";
import { workerEnvironment } from "../src/pool/worker-environment.ts";
import { startMotus } from "./child-server.ts";
import { digits, printTable } from "./print-table.ts";
import { memoryBytes, ownCpuMs } from "./process-tree.ts";
import { median } from "./statistics.ts";
import { createSessions, turn } from "./turn-client.ts";

const turns = 500;
const waitMs = 2_000;
const rounds = 3;
const settleMs = 2_000;
const agent = join(import.meta.dir, "echo-agent.ts:agent");

const environment = workerEnvironment(Bun.env);
const order = {
  importPath: agent,
  folder: process.cwd(),
  cacheFolder: defaultCacheFolder(Bun.env),
  environment,
};
const compiled = await compileAgent(order);
if ("refused" in compiled) throw new Error(compiled.refused);
const program = executableProgram(compiled.executable);

await using server = await startMotus(["--workers", String(turns)], agent);
const sessions = await createSessions(server.url, turns);
await turn(server.url, sessions[0]!, "hi");
const bareMs: number[] = [];
const motusMs: number[] = [];
const serverMs: number[] = [];
let peakBytes = 0;
for (let round = 0; round < rounds; round++) {
  await Bun.sleep(settleMs);
  bareMs.push(await startBare());
  await Bun.sleep(settleMs);
  const before = ownCpuMs(server.pid);
  const startedAt = performance.now();
  const looking = setTimeout(() => {
    peakBytes = Math.max(peakBytes, memoryBytes(server.pid));
  }, waitMs - 100);
  await Promise.all(sessions.map((id) => turn(server.url, id, `wait ${waitMs}`)));
  motusMs.push(performance.now() - startedAt);
  clearTimeout(looking);
  serverMs.push((ownCpuMs(server.pid) - before) / turns);
}
printTable(
  [`${turns} turns of ${waitMs / 1_000} s, all at once`, ""],
  [
    ["until the last has ended, s", digits(median(motusMs) / 1_000)],
    ["bare start of as many workers, s", digits(median(bareMs) / 1_000)],
    ["server's own CPU, ms a turn", digits(median(serverMs))],
    ["memory of server and workers (PSS), MB", digits(peakBytes / 1e6)],
  ],
);
const limitMs = waitMs + 1.3 * median(bareMs);
console.log();
goal(
  `end within 2 s and 1.3 times the bare start (${digits(limitMs / 1_000)} s)`,
  median(motusMs) / 1_000,
  median(motusMs) <= limitMs,
);
goal("at most 2 ms of the server's CPU a turn", median(serverMs), median(serverMs) <= 2);

/** Starts the workers, each until it waits for its turn, and keeps them until all do. */
async function startBare(): Promise<number> {
  const startedAt = performance.now();
  const children: Bun.Subprocess[] = [];
  let next = 0;
  const startOne = async () => {
    while (next < turns) {
      next += 1;
      const ready = Promise.withResolvers<void>();
      children.push(
        Bun.spawn([...program.command, agent], {
          stdio: ["ignore", "ignore", "inherit"],
          serialization: "advanced",
          env: { ...environment, ...program.environment },
          ipc: () => ready.resolve(),
          onExit: () => ready.reject(new Error("A worker has ended before it was ready")),
        }),
      );
      await ready.promise;
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, startOne));
  const elapsedMs = performance.now() - startedAt;
  for (const child of children) child.kill("SIGKILL");
  await Promise.all(children.map(({ exited }) => exited));
  return elapsedMs;
}

function goal(what: string, value: number, isMet: boolean): void {
  console.log(`goal: ${what}: measured ${digits(value)}: ${isMet ? "met" : "NOT met"}`);
}
