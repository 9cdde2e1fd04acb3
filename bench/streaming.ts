/**
 * How fast a word reaches its reader, next to the same agent streaming from a handler in the server's own process.
 *
 *     bun bench/streaming.ts      (about a minute)
 */
import { join } from "node:path";
import { type ChildServer, startMotus, startServer } from "./child-server.ts";
import { type StreamedTurn, streamTurn } from "./event-client.ts";
import { digits, printTable } from "./print-table.ts";
import { cpuMs, ownCpuMs } from "./process-tree.ts";
import { median, percentile } from "./statistics.ts";

const rounds = 3;
const paced = { events: 300, perSecond: 100 };
/** How many turns at once, of how many events each. */
const loads = [
  { turns: 1, events: 20_000 },
  { turns: 16, events: 20_000 },
] as const;
/** Ample for the start of all workers: what is to be measured begins when they wait. */
const startMs = 1_500;

interface Rates {
  /** Events a second from the moment when the agents begin, all of them ready. */
  ready: number[];
  /** The same from the moment when the messages are sent: the starts of the processes count. */
  started: number[];
  serverUs: number[];
  workersUs: number[];
}

interface Measured {
  delaysMs: number[];
  rates: Rates[];
}

const agent = join(import.meta.dir, "streaming-agent.ts:agent");
const targets: [string, () => Promise<ChildServer>][] = [
  [
    "agent in the server's process",
    () => startServer([join(import.meta.dir, "floors/in-process-stream.ts")]),
  ],
  ["motus --workers 16", () => startMotus(["--workers", "16"], agent)],
];

await using stack = new AsyncDisposableStack();
const measured = new Map<string, Measured>();
const servers = new Map<string, ChildServer>();
for (const [name, start] of targets) {
  servers.set(name, stack.use(await start()));
  const rates = loads.map((): Rates => ({ ready: [], started: [], serverUs: [], workersUs: [] }));
  measured.set(name, { delaysMs: [], rates });
  await streamTurn(servers.get(name)!.url, { events: 1_000, perSecond: 0 });
}
// Rounds, so that a slow minute is slow for both.
for (let round = 0; round < rounds; round++) {
  for (const [name, server] of servers) await measure(server, measured.get(name)!);
}
print();

async function measure(server: ChildServer, into: Measured): Promise<void> {
  into.delaysMs.push(...(await streamTurn(server.url, paced)).delaysMs);
  for (const [index, load] of loads.entries()) {
    const rates = into.rates[index]!;
    const sent = await streamAll(server, load, 0);
    rates.started.push(perSecond(load, Math.min(...sent.map(({ sentAt }) => sentAt)), sent));
    const [total, own] = [cpuMs(server.pid), ownCpuMs(server.pid)];
    const beginsAt = Date.now() + startMs;
    const ready = await streamAll(server, load, beginsAt);
    const late = ready.find(({ firstSaidAt }) => firstSaidAt - beginsAt > startMs);
    if (late !== undefined) throw new Error("An agent was not ready when it was to begin");
    rates.ready.push(perSecond(load, beginsAt, ready));
    const perEvent = (ms: number) => (ms * 1_000) / (load.turns * load.events);
    const serverMs = ownCpuMs(server.pid) - own;
    rates.serverUs.push(perEvent(serverMs));
    rates.workersUs.push(perEvent(cpuMs(server.pid) - total - serverMs));
  }
}

function streamAll({ url }: ChildServer, { turns, events }: (typeof loads)[number], beginsAt: number) {
  return Promise.all(
    Array.from({ length: turns }, () => streamTurn(url, { events, perSecond: 0, beginsAt })),
  );
}

function perSecond(
  { turns, events }: (typeof loads)[number],
  from: number,
  streamed: readonly StreamedTurn[],
): number {
  return (turns * events * 1_000) / (Math.max(...streamed.map(({ lastAt }) => lastAt)) - from);
}

function print(): void {
  const [floor, motus] = [...measured.values()] as [Measured, Measured];
  printTable(
    ["one event", "p50 ms", "p99 ms"],
    [...measured].map(([name, { delaysMs }]) => [
      name,
      digits(percentile(delaysMs, 0.5)),
      digits(percentile(delaysMs, 0.99)),
    ]),
  );
  console.log();
  const head = [
    "events/s",
    "turns",
    "agents ready",
    "starts counted",
    "server CPU µs an event",
    "workers' CPU µs",
  ];
  const rows = loads.flatMap(({ turns }, index) =>
    [...measured].map(([name, { rates }]) => {
      const { ready, started, serverUs, workersUs } = rates[index]!;
      return [
        name,
        String(turns),
        ...[ready, started, serverUs, workersUs].map((all) => digits(median(all))),
      ];
    }),
  );
  printTable(head, rows);
  const late = percentile(motus.delaysMs, 0.5) - percentile(floor.delaysMs, 0.5);
  console.log();
  goal("p50 at most 3 ms above the floor", `${digits(late)} ms`, late <= 3);
  for (const [index, { turns }] of loads.entries()) {
    for (const [what, key] of [
      ["agents ready", "ready"],
      ["starts counted", "started"],
    ] as const) {
      const share = median(motus.rates[index]![key]) / median(floor.rates[index]![key]);
      goal(`events/s of ${turns} at least 0.5 of the floor, ${what}`, digits(share), share >= 0.5);
    }
  }
}

function goal(what: string, value: string, isMet: boolean): void {
  console.log(`goal: ${what}: measured ${value}: ${isMet ? "met" : "NOT met"}`);
}
