/**
 * What does a turn in a process of its own cost, next to the least that it could cost?
 *
 *     bun bench/turn-latency.ts            (Linux; under two minutes, wants an idle machine)
 *
 * Floors and motus take turns in the same run, round after round. Every answer is checked.
 */
import type { Load } from "./load.ts";
import { digits, printTable } from "./print-table.ts";
import { cpuMs, memoryBytes } from "./process-tree.ts";
import { median, percentile, sum } from "./statistics.ts";
import { startInProcess, startMotusTarget, startOneShotLoop, type Target } from "./targets.ts";

const rounds = 4;
const paced: Load = { clients: 1, pauseMs: 100, maxTurns: 25, maxMs: 10_000 };
const clientCounts = [2, 8, 32];
/** The loop has no clients; at which of these it is best, nobody can say beforehand. */
const loopCounts = [1, 2, 4, 8, 32];
const saturated = (clients: number): Load => ({ clients, pauseMs: 0, maxTurns: 50_000, maxMs: 700 });
/** Between two measurements: what one left behind must not be the next one's cost. */
const settleMs = 80;
const maxRunMs = 118_000;

interface Stage {
  turnsPerSecond: number;
  cpuMsPerTurn: number;
}

interface Measured {
  target: Target;
  pacedMs: number[];
  pacedCpuMs: number[];
  /** By number of clients, one entry a round. */
  stages: Map<number, Stage[]>;
  idleBytes: number;
  busyBytes: number;
}

setTimeout(() => {
  console.error(`The benchmark did not end within ${maxRunMs} ms`);
  process.exit(1);
}, maxRunMs).unref();

await using inProcess = await startInProcess("(a) agent in the server's process");
await using loop = await startOneShotLoop("(b) bare loop of one-shot workers");
await using withoutStandby = await startMotusTarget("(c) motus --standby 0", ["--standby", "0"]);
await using asItComes = await startMotusTarget("(d) motus as it comes");

const [a, b, c, d] = [inProcess, loop, withoutStandby, asItComes].map(newMeasured) as [
  Measured,
  Measured,
  Measured,
  Measured,
];
const all = [a, b, c, d];

for (const measured of all) await warmUp(measured);
for (let round = 0; round < rounds; round += 1) {
  for (const measured of all) await measurePaced(measured);
  for (const clients of loopCounts) {
    for (const measured of all)
      if (measured === b || clientCounts.includes(clients)) await measureSaturated(measured, clients);
  }
}
for (const measured of all) measured.idleBytes = memoryBytes(measured.target.pid);

printResults();
printGoals();

function newMeasured(target: Target): Measured {
  return { target, pacedMs: [], pacedCpuMs: [], stages: new Map(), idleBytes: 0, busyBytes: 0 };
}

async function warmUp({ target }: Measured): Promise<void> {
  const run = await target.prepare({ clients: 2, pauseMs: 0, maxTurns: 40, maxMs: 1_000 });
  await run();
}

async function measurePaced({ target, pacedMs, pacedCpuMs }: Measured): Promise<void> {
  const run = await target.prepare(paced);
  await Bun.sleep(settleMs);
  const cpuBefore = cpuMs(target.pid);
  const { latenciesMs } = await run();
  pacedCpuMs.push((cpuMs(target.pid) - cpuBefore) / latenciesMs.length);
  pacedMs.push(...latenciesMs);
}

async function measureSaturated(measured: Measured, clients: number): Promise<void> {
  const { target, stages } = measured;
  const run = await target.prepare(saturated(clients));
  await Bun.sleep(settleMs);
  const cpuBefore = cpuMs(target.pid);
  const looking = setTimeout(() => {
    if (clients === 8) measured.busyBytes = Math.max(measured.busyBytes, memoryBytes(target.pid));
  }, 350);
  const { latenciesMs, elapsedMs } = await run();
  clearTimeout(looking);
  const turns = latenciesMs.length;
  const stage = {
    turnsPerSecond: (turns * 1_000) / elapsedMs,
    cpuMsPerTurn: (cpuMs(target.pid) - cpuBefore) / turns,
  };
  stages.set(clients, [...(stages.get(clients) ?? []), stage]);
}

function turnsPerSecond({ stages }: Measured, clients: number): number {
  return median(stages.get(clients)?.map((stage) => stage.turnsPerSecond) ?? []);
}

function cpuPerTurn({ stages }: Measured, clients: number): number {
  return median(stages.get(clients)?.map((stage) => stage.cpuMsPerTurn) ?? []);
}

function pacedCpu({ pacedCpuMs }: Measured): number {
  return sum(pacedCpuMs) / pacedCpuMs.length;
}

function megabytes(bytes: number): string {
  return digits(bytes / 1e6);
}

function printResults(): void {
  const head = ["a turn of the echo agent", "p50 ms", "p99 ms", "CPU ms"];
  const counts = clientCounts.map((clients) => `turns/s at ${clients}`);
  printTable(
    [...head, ...counts, "CPU ms at 8", "MB idle", "MB at 8"],
    all.map((measured) => [
      measured.target.name,
      digits(percentile(measured.pacedMs, 0.5)),
      digits(percentile(measured.pacedMs, 0.99)),
      digits(pacedCpu(measured)),
      ...clientCounts.map((clients) => digits(turnsPerSecond(measured, clients))),
      digits(cpuPerTurn(measured, 8)),
      megabytes(measured.idleBytes),
      megabytes(measured.busyBytes),
    ]),
  );
  console.log(
    `\np50, p99 and the first CPU column: one client, ${paced.pauseMs} ms between turns, ${rounds * paced.maxTurns} turns.` +
      `\nturns/s: the median of ${rounds} rounds. CPU and memory (PSS): the server and all processes below it.`,
  );
  const loopRates = loopCounts.map((clients) => `${digits(turnsPerSecond(b, clients))} at ${clients}`);
  console.log(`(b) by workers at once, in turns/s: ${loopRates.join(", ")}.\n`);
}

function printGoals(): void {
  const [aMs, bMs, dMs] = [a, b, d].map(({ pacedMs }) => percentile(pacedMs, 0.5)) as [
    number,
    number,
    number,
  ];
  const best = loopCounts.toSorted((x, y) => turnsPerSecond(b, y) - turnsPerSecond(b, x))[0]!;
  const [rate, bestRate] = [turnsPerSecond(d, 8), turnsPerSecond(b, best)];
  const [cpu, bestCpu] = [cpuPerTurn(d, 8), cpuPerTurn(b, best)];
  goal(
    "paced p50 of (d) at most 0.5 of (b)",
    dMs / bMs,
    dMs <= 0.5 * bMs,
    `${digits(dMs)} against ${digits(bMs)} ms`,
  );
  goal(
    "paced p50 of (d) at most 5 of (a)",
    dMs / aMs,
    dMs <= 5 * aMs,
    `${digits(dMs)} against ${digits(aMs)} ms`,
  );
  goal(
    "turns/s of (d) at 8 clients at least 0.8 of the best of (b)",
    rate / bestRate,
    rate >= 0.8 * bestRate,
    `${digits(rate)} against ${digits(bestRate)} at ${best}`,
  );
  goal(
    "CPU per turn of (d) at 8 clients at most 2 ms above (b) at its best",
    cpu - bestCpu,
    cpu <= bestCpu + 2,
    `${digits(cpu)} against ${digits(bestCpu)} ms`,
  );
}

function goal(what: string, measured: number, isMet: boolean, numbers: string): void {
  console.log(`goal: ${what}: measured ${digits(measured)} (${numbers}): ${isMet ? "met" : "NOT met"}`);
}
