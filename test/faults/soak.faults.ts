/** Many turns in one server: at the end it is as large and as fast as at the start. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { until } from "../helpers/until.ts";
import { descriptors, privateBytes } from "./census.ts";
import { report } from "./report.ts";
import { type Served, serve, untilNoneLeft } from "./serve.ts";

const turns = Number(process.env.FAULTS_SOAK_TURNS ?? 20_000);
const clients = 4;
const turnsOfSession = 20;
const standby = 4;
const tenths = 10;

interface Figures {
  memoryMb: number;
  descriptors: number;
  latencyMs: number;
  /** Processor time of the server itself for each turn, whatever else the machine does. */
  cpuMs: number;
}

test("twenty thousand turns leave nothing behind, and the last is as fast as the first", async () => {
  await using server = await serve("echo.ts:agent", {
    flags: ["--workers", "4", "--standby", String(standby)],
  });
  const startedAt = performance.now();
  const figures: Figures[] = [];
  for (let tenth = 0; tenth < tenths; tenth++) figures.push(await soak(server, Math.round(turns / tenths)));
  const perSecond = Math.round(turns / ((performance.now() - startedAt) / 1_000));
  // The first tenth warms up: what is compiled, cached and grown once. Of three, because the machine may do other things.
  const [first, last] = [lowest(figures.slice(1, 4)), lowest(figures.slice(-3))];
  const health = await server.client.health();
  expect(health).toMatchObject({ running_workers: 0, queued_turns: 0, total_sessions: 0 });
  expect(last.descriptors).toBeLessThanOrEqual(first.descriptors + clients);
  expect(last.memoryMb).toBeLessThan(first.memoryMb + 32);
  expect(last.cpuMs).toBeLessThan(1.5 * first.cpuMs);
  expect(last.latencyMs).toBeLessThan(2 * first.latencyMs);
  expect(await server.signal("SIGTERM")).toBe(0);
  await untilNoneLeft(server.mark);
  const change = (name: keyof Figures, unit = "") =>
    `${first[name].toFixed(1)} → ${last[name].toFixed(1)}${unit}`;
  report(
    "soak, the second to fourth tenth and the last three",
    `${turns.toLocaleString("en")} turns at ${clients} clients, ${perSecond} a second, memory ${change("memoryMb", " MB")}, ` +
      `descriptors ${change("descriptors")}, latency ${change("latencyMs", " ms")}, server's CPU ${change("cpuMs", " ms")} a turn`,
    "0 turns, 0 processes left",
  );
});

/** A share of the turns, in sessions that are deleted when they are twenty turns long. */
async function soak({ pid, url, client }: Served, share: number): Promise<Figures> {
  const latencies: number[] = [];
  const memory: number[] = [];
  const cpuBefore = cpuMs(pid);
  let left = share;
  const talk = async () => {
    while (left > 0) {
      const { session_id } = await ask("POST", `${url}/sessions`, 201);
      for (let turn = 0; turn < turnsOfSession && left > 0; turn++) {
        left -= 1;
        const startedAt = performance.now();
        await ask("POST", `${url}/sessions/${session_id}/messages`, 202, { content: `${turn}` });
        const { response } = await ask("GET", `${url}/sessions/${session_id}?wait=true`, 200);
        expect(response.content).toBe(`echo: ${turn}`);
        latencies.push(performance.now() - startedAt);
      }
      await ask("DELETE", `${url}/sessions/${session_id}`, 204);
      memory.push(privateBytes(pid) / 2 ** 20);
    }
  };
  await Promise.all(Array.from({ length: clients }, talk));
  const cpu = (cpuMs(pid) - cpuBefore) / share;
  // Each worker has some: they are counted when as many stand by as always.
  await until("all stand by", async () => (await client.health()).standby_workers === standby);
  return {
    memoryMb: median(memory),
    descriptors: descriptors(pid),
    latencyMs: median(latencies),
    cpuMs: cpu,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: answers of every shape
async function ask(method: string, url: string, status: number, body?: unknown): Promise<any> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(url, {
    method,
    ...(body !== undefined && { body: JSON.stringify(body), headers }),
  });
  const text = await response.text();
  if (response.status !== status)
    throw new Error(`${method} ${url} was answered with ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}

/** What leaks, of memory or of time, is in all of them. */
function lowest(figures: Figures[]): Figures {
  const of = (name: keyof Figures) => Math.min(...figures.map((one) => one[name]));
  return {
    memoryMb: of("memoryMb"),
    descriptors: of("descriptors"),
    latencyMs: of("latencyMs"),
    cpuMs: of("cpuMs"),
  };
}

function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10; // The kernel counts in hundredths of a second.
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.trunc(values.length / 2)] ?? 0;
}
