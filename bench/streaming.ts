/**
 * How fast a word reaches its reader, next to the same agent streaming from a handler in the server's own process.
 *
 *     bun bench/streaming.ts      (about a minute)
 */
import { join } from "node:path";
import { type ChildServer, startMotus, startServer } from "./child-server.ts";
import { streamTurn } from "./event-client.ts";
import { digits, printTable } from "./print-table.ts";
import { cpuMs } from "./process-tree.ts";
import { median, percentile } from "./statistics.ts";

const rounds = 3;
const paced = { events: 300, perSecond: 100 };
const fast = { events: 20_000, turns: 16, eventsOfEach: 2_000 };

interface Measured {
  delaysMs: number[];
  oneTurn: number[];
  manyTurns: number[];
  cpuUsPerEvent: number[];
}

const agent = join(import.meta.dir, "streaming-agent.ts:agent");
const targets: [string, () => Promise<ChildServer>][] = [
  [
    "agent in the server's process",
    () => startServer([join(import.meta.dir, "floors/in-process-stream.ts")]),
  ],
  ["motus as it comes", () => startMotus([], agent)],
];

await using stack = new AsyncDisposableStack();
const measured = new Map<string, Measured>();
const servers = new Map<string, ChildServer>();
for (const [name, start] of targets) {
  servers.set(name, stack.use(await start()));
  measured.set(name, { delaysMs: [], oneTurn: [], manyTurns: [], cpuUsPerEvent: [] });
  await streamTurn(servers.get(name)!.url, 1_000, 0);
}
// Rounds, so that a slow minute is slow for both.
for (let round = 0; round < rounds; round++) {
  for (const [name, server] of servers) await measure(server, measured.get(name)!);
}
print();

async function measure({ url, pid }: ChildServer, into: Measured): Promise<void> {
  into.delaysMs.push(...(await streamTurn(url, paced.events, paced.perSecond)).delaysMs);
  const before = cpuMs(pid);
  into.oneTurn.push((fast.events * 1_000) / (await streamTurn(url, fast.events, 0)).durationMs);
  into.cpuUsPerEvent.push(((cpuMs(pid) - before) * 1_000) / fast.events);
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: fast.turns }, () => streamTurn(url, fast.eventsOfEach, 0)));
  into.manyTurns.push((fast.turns * fast.eventsOfEach * 1_000) / (performance.now() - startedAt));
}

function print(): void {
  const rows = [...measured].map(([name, { delaysMs, oneTurn, manyTurns, cpuUsPerEvent }]) => [
    name,
    digits(percentile(delaysMs, 0.5)),
    digits(percentile(delaysMs, 0.99)),
    digits(median(oneTurn)),
    digits(median(manyTurns)),
    digits(median(cpuUsPerEvent)),
  ]);
  const head = [
    "streaming",
    "p50 ms",
    "p99 ms",
    "events/s of one turn",
    `of ${fast.turns} turns`,
    "CPU µs an event",
  ];
  printTable(head, rows);
  const [floor, motus] = [...measured.values()] as [Measured, Measured];
  const late = percentile(motus.delaysMs, 0.5) - percentile(floor.delaysMs, 0.5);
  console.log();
  goal("p50 at most 3 ms above the floor", `${digits(late)} ms`, late <= 3);
  for (const [what, key] of [
    ["one turn", "oneTurn"],
    [`${fast.turns} turns`, "manyTurns"],
  ] as const) {
    const share = median(motus[key]) / median(floor[key]);
    goal(`events a second of ${what} at least 0.5 of the floor`, digits(share), share >= 0.5);
  }
}

function goal(what: string, value: string, isMet: boolean): void {
  console.log(`goal: ${what}: measured ${value}: ${isMet ? "met" : "NOT met"}`);
}
