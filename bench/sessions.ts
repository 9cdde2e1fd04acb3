/**
 * What does a session cost while nothing happens in it, and what does a long one cost a turn?
 *
 *     bun bench/sessions.ts            (Linux; under a minute, wants an idle machine)
 *
 * First, 100,000 idle sessions: their memory, and turns on a server with and on one without them. Then turns
 * on states of growing size, beside one JSON.parse and one JSON.stringify of the same state in this process.
 */
import { type ChildServer, startMotus } from "./child-server.ts";
import { digits, printTable } from "./print-table.ts";
import { cpuMs, memoryBytes, ownCpuMs } from "./process-tree.ts";
import { median } from "./statistics.ts";
import { createSession, turn } from "./turn-client.ts";

const sessionCount = 100_000;
const messageCharacters = 1_000;
const stateSizes = [
  { name: "10 kB", messages: 10, turns: 60 },
  { name: "1 MB", messages: 1_000, turns: 40 },
  { name: "10 MB", messages: 10_000, turns: 20 },
];
/** Says when it is there, and when it has a message. */
const copyReader = "process.on('message', () => process.send(1)); process.send(0)";
const rounds = 5;
const turnsPerRound = 40;
/** The server collects its garbage and returns memory while nobody asks anything of it. */
const settleMs = 5_000;
const maxRunMs = 180_000;

interface Cost {
  ms: number[];
  cpuMs: number[];
}

setTimeout(() => {
  console.error(`The benchmark did not end within ${maxRunMs} ms`);
  process.exit(1);
}, maxRunMs).unref();

await measureIdleSessions();
await measureStateSizes();

async function measureIdleSessions(): Promise<void> {
  await using empty = await startMotus();
  await using full = await startMotus();
  await measureTurns(full, turnsPerRound, await createSession(full.url));
  await measureTurns(empty, turnsPerRound, await createSession(empty.url));
  await Bun.sleep(settleMs);
  const bytesBefore = memoryBytes(full.pid);
  const startedAt = performance.now();
  await createManySessions(full.url);
  const creations = (sessionCount * 1_000) / (performance.now() - startedAt);
  await Bun.sleep(settleMs);
  const bytesEach = (memoryBytes(full.pid) - bytesBefore) / sessionCount;

  const [without, including] = [newCost(), newCost()];
  for (let round = 0; round < rounds; round += 1) {
    add(without, await measureTurns(empty, turnsPerRound, await createSession(empty.url)));
    add(including, await measureTurns(full, turnsPerRound, await createSession(full.url)));
  }
  console.log(
    `${sessionCount} idle sessions, each of two messages: ${digits(bytesEach)} bytes of memory a session, ` +
      `made at ${digits(creations)} a second.\n`,
  );
  printTable(
    ["a turn, one after the other", "p50 ms", "CPU ms"],
    [
      ["without idle sessions", digits(median(without.ms)), digits(median(without.cpuMs))],
      [`with ${sessionCount}`, digits(median(including.ms)), digits(median(including.cpuMs))],
      ["with / without", ratio(including.ms, without.ms), ratio(including.cpuMs, without.cpuMs)],
    ],
  );
}

async function measureStateSizes(): Promise<void> {
  await using server = await startMotus();
  await measureTurns(server, turnsPerRound, await createSession(server.url));
  const rows: string[][] = [];
  let smallest: { ms: number; ownMs: number } | undefined;
  for (const { name, messages, turns } of stateSizes) {
    const state = makeState(messages);
    const json = measureJson(state);
    const copyMs = await measureCopy(state.map((message) => JSON.stringify(message)).join("\n"));
    const id = await createSession(server.url, { state });
    await measureTurns(server, 2, id);
    const ownBefore = ownCpuMs(server.pid);
    const cost = await measureTurns(server, turns, id);
    const ownMs = (ownCpuMs(server.pid) - ownBefore) / turns;
    smallest ??= { ms: median(cost.ms), ownMs };
    const jsonMs = median(json.parseMs) + median(json.stringifyMs);
    const isFirst = rows.length === 0;
    rows.push([
      name,
      digits(median(cost.ms)),
      digits(median(cost.cpuMs)),
      digits(jsonMs),
      isFirst ? "-" : digits((median(cost.ms) - smallest.ms) / jsonMs),
      digits(ownMs),
      digits(copyMs),
      isFirst ? "-" : digits((ownMs - smallest.ownMs) / copyMs),
    ]);
  }
  console.log("");
  printTable(
    [
      "state",
      "turn p50 ms",
      "turn CPU ms",
      "parse and stringify ms",
      "turn above the first / both",
      "server's own CPU ms",
      "one copy to a process, CPU ms",
      "server above the first / copy",
    ],
    rows,
  );
}

/** Turns in one session, one after the other; the CPU is that of the server and its workers. */
async function measureTurns(server: ChildServer, turns: number, sessionId: string): Promise<Cost> {
  const cost = newCost();
  const cpuBefore = cpuMs(server.pid);
  for (let number = 0; number < turns; number += 1) {
    const startedAt = performance.now();
    await turn(server.url, sessionId, `message ${number}`);
    cost.ms.push(performance.now() - startedAt);
  }
  // The replacements of the last workers are still being started, and belong to these turns.
  await Bun.sleep(100);
  cost.cpuMs.push((cpuMs(server.pid) - cpuBefore) / turns);
  return cost;
}

/** CPU of this process for handing a text to a process that was started for it, the way a worker gets it. */
async function measureCopy(text: string): Promise<number> {
  const copies = 20;
  let usedMs = 0;
  for (let copy = 0; copy < copies; copy += 1) {
    let heard = Promise.withResolvers<void>();
    const child = Bun.spawn([process.execPath, "-e", copyReader], {
      stdio: ["ignore", "ignore", "inherit"],
      serialization: "advanced",
      ipc: () => heard.resolve(),
    });
    await heard.promise;
    heard = Promise.withResolvers();
    const before = process.cpuUsage();
    child.send({ text });
    await heard.promise;
    const { user, system } = process.cpuUsage(before);
    usedMs += (user + system) / 1_000;
    child.kill("SIGKILL");
    await child.exited;
  }
  return usedMs / copies;
}

async function createManySessions(url: string): Promise<void> {
  const state = [
    { role: "user", content: "How are you?" },
    { role: "assistant", content: "echo: How are you?" },
  ];
  let left = sessionCount;
  const client = async () => {
    while (left > 0) {
      left -= 1;
      await createSession(url, { state });
    }
  };
  await Promise.all(Array.from({ length: 8 }, client));
}

function makeState(messages: number): { role: string; content: string }[] {
  return Array.from({ length: messages }, (_, number) => ({
    role: number % 2 === 0 ? "user" : "assistant",
    content: `${number} `.padEnd(messageCharacters - 40, "All work and no play. "),
  }));
}

function measureJson(state: unknown): { parseMs: number[]; stringifyMs: number[] } {
  const text = JSON.stringify(state);
  const times = { parseMs: [] as number[], stringifyMs: [] as number[] };
  for (let repeat = 0; repeat < 11; repeat += 1) {
    const parsing = performance.now();
    const parsed = JSON.parse(text);
    times.parseMs.push(performance.now() - parsing);
    const writing = performance.now();
    if (JSON.stringify(parsed).length !== text.length) throw new Error("The state does not survive JSON");
    times.stringifyMs.push(performance.now() - writing);
  }
  return times;
}

function newCost(): Cost {
  return { ms: [], cpuMs: [] };
}

function add(total: Cost, part: Cost): void {
  total.ms.push(...part.ms);
  total.cpuMs.push(...part.cpuMs);
}

function ratio(values: number[], base: number[]): string {
  return digits(median(values) / median(base));
}
