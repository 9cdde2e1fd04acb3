import { describe, expect, test } from "bun:test";
import { Output, startCli } from "../cli/run-cli.ts";
import { createGate } from "../helpers/gate.ts";
import { descendants, isAlive } from "../helpers/processes.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";
import { type ReadEvent, readEvents } from "./event-reader.ts";
import {
  answer,
  ask,
  ended,
  expectRest,
  type Question,
  say,
  sessionOf,
  settled,
  workers,
} from "./sessions.ts";

const maxMs = 60_000;

/** A new session whose turn waits for an answer. */
async function park(server: TestServer): Promise<Question> {
  return ask(server, await server.createSession());
}

async function health(server: TestServer) {
  return (await server.request("GET", "/health")).body;
}

describe("parked turns", () => {
  test(
    "five times as many as workers do not keep other sessions from going on",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const parked = await Promise.all(Array.from({ length: 20 }, () => park(server)));
      expect(await health(server)).toMatchObject({
        running_workers: 0,
        interrupted_turns: 20,
        queued_turns: 0,
      });
      const others = await Promise.all(Array.from({ length: 8 }, () => server.createSession()));
      for (let round = 0; round < 5; round += 1) {
        const turns = await Promise.all(others.map((id) => server.turn(id, "hello")));
        for (const { response } of turns) expect(response?.content).toBe("here");
      }
      const answers = await Promise.all(
        parked.map((question, number) => answer(server, question, { number })),
      );
      expect(answers.map(({ status }) => status)).toEqual(parked.map(() => 200));
      for (const [number, { sessionId }] of parked.entries()) {
        expect((await ended(server, sessionId)).response?.content).toBe(JSON.stringify({ number }));
      }
      await expectRest(server, before);
    },
    maxMs,
  );

  test(
    "a turn whose worker dies while its answer waits for a slot leaves the slots to others",
    async () => {
      const before = workers();
      await using gate = createGate();
      await using server = await startServer("endure-agent.ts:agent", { workers: 1 });
      const question = await park(server);
      const pid = workers().find((worker) => !before.includes(worker));
      const busy = await server.createSession();
      await say(server, busy, `wait ${gate.url}`);
      await gate.arrivals(1);
      expect((await answer(server, question, "yes")).status).toBe(200);
      process.kill(pid!, "SIGKILL");
      expect(await ended(server, question.sessionId)).toMatchObject({
        status: "error",
        turn: { outcome: "crashed" },
      });
      gate.open();
      await settled(server, busy);
      await expectRest(server, before.length);
    },
    maxMs,
  );

  test(
    "a turn that asks again while an answer waits for a slot gets every answer and one slot",
    async () => {
      await using busyGate = createGate();
      await using askGate = createGate();
      await using server = await startServer("endure-agent.ts:agent", { workers: 1 });
      const asks = await server.createSession();
      await say(server, asks, "ask-on");
      const asked = async (payload: string): Promise<Question> => {
        const find = async () =>
          (await sessionOf(server, asks)).interrupts?.find((interrupt) => interrupt.payload === payload);
        await until(`it asks the ${payload} question`, async () => (await find()) !== undefined);
        return { sessionId: asks, interruptId: (await find())!.interrupt_id };
      };
      const [first, second] = [await asked("first"), await asked("second")];
      const busy = await server.createSession();
      await say(server, busy, `wait ${busyGate.url}`);
      await busyGate.arrivals(1);
      expect((await answer(server, first, askGate.url)).status).toBe(200);
      await askGate.arrivals(1);
      expect((await answer(server, second, 2)).status).toBe(200);
      askGate.open();
      expect((await answer(server, await asked("third"), 3)).status).toBe(200);
      busyGate.open();
      await until("the turn ends", async () => (await sessionOf(server, asks)).status !== "running");
      expect((await sessionOf(server, asks)).response?.content).toBe("[3,2]");
      expect(await health(server)).toMatchObject({ running_workers: 0, queued_turns: 0 });
      expect((await server.turn(busy, "hello")).response?.content).toBe("here");
    },
    maxMs,
  );

  test(
    "an answer that comes as the worker dies is taken and the turn crashes, or it is refused",
    async () => {
      const before = workers();
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const session = await server.createSession();
      for (let round = 0; round < 100; round += 1) {
        const question = await ask(server, session);
        const pid = workers().find((worker) => !before.includes(worker));
        const answers = [answer(server, question, "yes")];
        // Before the kill, right after it, and again and again until the server has seen it.
        if (round % 2 === 0) void answers.pop();
        process.kill(pid!, "SIGKILL");
        for (let late = 0; late < 5; late += 1) {
          answers.push(answer(server, question, "yes"));
          await health(server);
        }
        // What came after the kill is refused; what came before it may be taken, and is repeated then.
        const allowed = round % 2 === 0 ? [409] : [200, 409];
        for (const { status } of await Promise.all(answers)) expect(allowed).toContain(status);
        const { status, turn } = await ended(server, session);
        expect(`${status} ${turn?.outcome}`).toMatch(/^(error crashed|idle completed)$/);
      }
      const deleted = await park(server);
      expect((await server.request("DELETE", `/sessions/${deleted.sessionId}`)).status).toBe(204);
      expect((await answer(server, deleted, "yes")).status).toBe(404);
      await expectRest(server, before.length);
    },
    maxMs,
  );

  test(
    "end with the server, and so do their readers and those who wait",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 2, shutdownTimeout: 0.2 });
      const parked = await Promise.all(Array.from({ length: 10 }, () => park(server)));
      const readers = parked.map(async ({ sessionId }) => {
        const events: ReadEvent[] = [];
        for await (const event of readEvents(server.url, sessionId)) events.push(event);
        return events;
      });
      await server.server.stop();
      for (const events of await Promise.all(readers)) {
        expect(events.map(({ type }) => type)).toEqual(["turn-start", "interrupt", "turn-end"]);
        expect(events[2]?.data).toMatchObject({ outcome: "cancelled", error: "Turn cancelled" });
      }
      await until("no worker is left", () => workers().length === before);
      await expect(answer(server, parked[0]!, "late")).rejects.toThrow();
    },
    maxMs,
  );

  test(
    "leave no process behind when the server is killed",
    async () => {
      await using child = startCli([
        "serve",
        "start",
        "endure-agent.ts:agent",
        "--port",
        "0",
        "--workers",
        "2",
      ]);
      const [url] = await new Output(child.stdout).until(/http:\/\/127\.0\.0\.1:\d+/);
      const sessions = Array.from({ length: 4 }, async () => {
        const created = await fetch(`${url}/sessions`, { method: "POST" });
        const { session_id } = (await created.json()) as { session_id: string };
        await fetch(`${url}/sessions/${session_id}/messages`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ content: "ask" }),
        });
        const settled = await fetch(`${url}/sessions/${session_id}?wait=true`);
        expect(await settled.json()).toMatchObject({ status: "interrupted" });
      });
      await Promise.all(sessions);
      const below = descendants(child.pid);
      expect(below.filter(isAlive).length).toBeGreaterThanOrEqual(4);
      child.kill("SIGKILL");
      await child.exited;
      await until("no worker is left", () => !below.some(isAlive));
    },
    maxMs,
  );
});
