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
import { cpuMs, memoryBytes } from "./process-tree.ts";
import { median } from "./statistics.ts";
import { createSession, turn } from "./turn-client.ts";

const sessionCount = 100_000;
const messageCharacters = 1_000;
const stateSizes = [
  { name: "10 kB", messages: 10, turns: 30 },
  { name: "1 MB", messages: 1_000, turns: 15 },
  { name: "10 MB", messages: 10_000, turns: 6 },
];
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
  let smallestMs: number | undefined;
  for (const { name, messages, turns } of stateSizes) {
    const state = makeState(messages);
    const json = measureJson(state);
    const cost = await measureTurns(server, turns, await createSession(server.url, { state }));
    smallestMs ??= median(cost.ms);
    const jsonMs = median(json.parseMs) + median(json.stringifyMs);
    rows.push([
      name,
      digits(median(cost.ms)),
      digits(median(cost.cpuMs)),
      digits(median(json.parseMs)),
      digits(median(json.stringifyMs)),
      rows.length === 0 ? "-" : digits((median(cost.ms) - smallestMs) / jsonMs),
    ]);
  }
  console.log("");
  printTable(
    [
      "state",
      "turn p50 ms",
      "turn CPU ms",
      "one parse ms",
      "one stringify ms",
      "turn above the first / both",
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
