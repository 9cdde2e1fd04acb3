/** Agents that mean harm, against a server with limits: each costs its own turn, and the next one is as any other. */
import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { smallDisk, smallDiskProblem } from "../helpers/small-disk.ts";
import { until } from "../helpers/until.ts";
import { descriptors, markedProcesses } from "./census.ts";
import { randomOf } from "./random.ts";
import { count, counts, report } from "./report.ts";
import { isReady, type Served, serve, untilNoneLeft } from "./serve.ts";

/** What each of them may come to. */
const comesTo: Record<string, string[]> = {
  completed: [
    ...["ok", "leaves timers running", "sends something of its own", "cleans up at exit", "hangs at exit"],
    ...["writes and returns", "forks children", "grows a tree of processes"],
  ],
  failed: [
    ...["throws an error", "rejects later", "throws undefined", "throws a string", "throws a trap"],
    ...["returns nothing", "returns null", "returns a string", "returns a function", "returns an object"],
    ...["returns three", "returns no state", "returns a string response", "returns a bad role"],
    ...["returns a bad message", "returns a cycle", "returns a BigInt", "returns what becomes a number"],
    ...["returns what becomes nothing", "floods stdout"],
    ...["hungry: floods its logs", "hungry: floods its events", "hungry: floods the channel itself"],
  ],
  crashed: [
    ...["exits with 0", "exits with 3", "throws in a timer", "dies of SIGSEGV", "closes its channel"],
    ...["closes the descriptor", "writes garbage", "writes a broken frame", "sends a malformed end"],
    ...["makes the server wait for the rest of a message", "sends a response that is no JSON"],
    ...["sends a response that is no message", "sends a state that is no JSON", "keeps more than there is"],
  ],
  timed_out: [
    ...["never answers", "never answers and listens", "spins", "stops when told", "starts 300 processes"],
    ...["hungry: spins", "hungry: spins and will not die"],
  ],
  out_of_memory: ["hungry: eats memory", "hungry: lets a child eat memory"],
};
const ways = Object.entries(comesTo).flatMap(([outcome, names]) => names.map((way) => ({ way, outcome })));
const rounds = 2;
const clients = 4;
const standby = 1;

const limits = [
  ...["--max-memory", "250", "--max-cpu", "2", "--max-output", "4000000", "--max-events", "1000"],
  ...["--timeout", "8", "--workers", String(clients), "--standby", String(standby), "--no-compile"],
];
const environment = { BUN_ENABLE_CRASH_REPORTING: "0" };

async function turn({ client }: Served, sessionId: string, content: string) {
  await client.send(sessionId, content);
  return client.wait(sessionId);
}

/** One hostile turn, and an ordinary one after it in the same session. */
async function survive(server: Served, way: string): Promise<string> {
  const { session_id } = await server.client.createSession();
  const { turn: hostile } = await turn(server, session_id, way);
  expect((await turn(server, session_id, "ok")).response?.content).toBe("ok");
  await server.client.deleteSession(session_id);
  return hostile?.outcome ?? "none";
}

/** The server and its standby, and nothing that a turn has left. */
async function untilOnlyServer(server: Served): Promise<void> {
  await until("only the server is left", async () => markedProcesses(server.mark).length <= 1 + standby);
}

test("hostile agents within limits cost their own turns", async () => {
  await using server = await serve("hostile.ts:agent", { flags: limits, environment });
  await survive(server, "ok");
  const before = descriptors(server.pid);
  const random = randomOf("hostile");
  const waiting = Array.from({ length: rounds }, () => ways.toSorted(() => random() - 0.5)).flat();
  const all = waiting.length;
  const outcomes: Record<string, number> = {};
  const wrong: string[] = [];
  const attack = async () => {
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const outcome = await survive(server, next.way);
      count(outcomes, outcome);
      if (outcome !== next.outcome) wrong.push(`${next.way}: ${outcome} instead of ${next.outcome}`);
    }
  };
  await Promise.all(Array.from({ length: clients }, attack));
  expect(wrong).toEqual([]);
  await untilOnlyServer(server);
  await until("the descriptors are given back", () => descriptors(server.pid) <= before + clients + 8);
  expect(await server.client.health()).toMatchObject({
    running_workers: 0,
    queued_turns: 0,
    total_sessions: 0,
  });
  expect(await server.signal("SIGTERM")).toBe(0);
  await untilNoneLeft(server.mark);
  report(
    `hostile agents within limits, ${ways.length} ways`,
    `${all} turns (${counts(outcomes)}), each followed by an ordinary one`,
    "0 ordinary turns, 0 processes left",
  );
});

test("bombs of processes end with their turn", async () => {
  await using server = await serve("hostile.ts:agent", { flags: [...limits, "--timeout", "2"], environment });
  let most = 0;
  for (const way of ["starts 300 processes", "grows a tree of processes", "starts 300 processes"]) {
    const bomb = survive(server, way);
    let isOver = false;
    void bomb.finally(() => {
      isOver = true;
    });
    await until("it is over", () => {
      most = Math.max(most, markedProcesses(server.mark).length);
      return isOver;
    });
    expect(await bomb).toBe(way.startsWith("grows") ? "completed" : "timed_out");
    await untilOnlyServer(server);
  }
  expect(most).toBeGreaterThan(200);
  expect(await server.signal("SIGTERM")).toBe(0);
  await untilNoneLeft(server.mark);
  report(
    "bombs of processes",
    `3 turns, ${most} processes at most, a third of them in sessions of their own`,
    "0 ordinary turns, 0 processes left",
  );
});

const noDisk = smallDiskProblem();
describe.skipIf(noDisk !== undefined)(`on a small disk${noDisk === undefined ? "" : ` (${noDisk})`}`, () => {
  test("an agent that fills the server's disk stops nobody for longer than its file is there", async () => {
    using disk = smallDisk(16);
    const flags = [...limits, "--store", `sqlite:${disk.path}/motus.sqlite`];
    await using server = await serve("hostile.ts:agent", {
      flags,
      environment: { ...environment, FAULTS_DISK: disk.path },
    });
    const times = 3;
    const outcomes: Record<string, number> = {};
    for (let time = 0; time < times; time++) {
      const { session_id } = await server.client.createSession();
      await server.client.send(session_id, "fills the disk");
      await until("the disk is full", async () => !(await isReady(server.url)));
      rmSync(`${disk.path}/filler`);
      count(outcomes, (await server.client.wait(session_id)).turn?.outcome ?? "none");
      await until("the server is ready again", () => isReady(server.url));
      expect((await turn(server, session_id, "ok")).response?.content).toBe("ok");
    }
    expect(outcomes).toEqual({ failed: times });
    expect(await server.signal("SIGTERM")).toBe(0);
    await untilNoneLeft(server.mark);
    report(
      "an agent that fills the server's disk",
      `${times} times (${counts(outcomes)})`,
      "0 ordinary turns",
    );
  });
});
