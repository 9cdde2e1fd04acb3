import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { descendants, isAlive } from "../helpers/processes.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";
import { say, statusOf } from "./sessions.ts";

const minute = 60_000;

interface Question {
  sessionId: string;
  interruptId: string;
}

/** Starts a turn that asks, and resolves when its question is there. */
async function park(server: TestServer, text = "anything"): Promise<Question> {
  const sessionId = await server.createSession();
  await say(server, sessionId, `ask ${text}`);
  return { sessionId, interruptId: await questionOf(server, sessionId) };
}

async function questionOf(server: TestServer, sessionId: string): Promise<string> {
  const { body } = await server.request("GET", `/sessions/${sessionId}?wait=true`);
  expect(body.status).toBe("interrupted");
  return body.interrupts[0].interrupt_id;
}

function answer(server: TestServer, { sessionId, interruptId }: Question, value: unknown) {
  return server.request("POST", `/sessions/${sessionId}/resume`, { interrupt_id: interruptId, value });
}

async function health(server: TestServer) {
  return (await server.request("GET", "/health")).body;
}

/** The worker processes that live. */
function workers(): number[] {
  return descendants(process.pid).filter(isAlive);
}

describe("parked turns", () => {
  test(
    "five times as many as workers do not keep other sessions from going on",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const parked = await Promise.all(Array.from({ length: 20 }, (_, number) => park(server, `${number}`)));
      expect(await health(server)).toMatchObject({
        running_workers: 0,
        interrupted_turns: 20,
        queued_turns: 0,
      });
      const others = await Promise.all(Array.from({ length: 8 }, () => server.createSession()));
      const others10 = Array.from({ length: 5 }, () => others).flat();
      for (const id of others10) expect((await server.turn(id, "hello")).response?.content).toBe("here");
      const answers = await Promise.all(
        parked.map((question, number) => answer(server, question, { number })),
      );
      expect(answers.map(({ status }) => status)).toEqual(parked.map(() => 200));
      for (const [number, { sessionId }] of parked.entries()) {
        const { body } = await server.request("GET", `/sessions/${sessionId}?wait=true`);
        expect(body.response.content).toBe(JSON.stringify({ number }));
      }
      expect(await health(server)).toMatchObject({
        running_workers: 0,
        interrupted_turns: 0,
        queued_turns: 0,
      });
      await until("no worker is left", () => workers().length === before);
    },
    minute,
  );

  test(
    "a turn whose worker dies while its answer waits for a slot leaves the slots to others",
    async () => {
      await using gate = createGate();
      await using server = await startServer("endure-agent.ts:agent", { workers: 1 });
      const question = await park(server);
      const [pid] = workers();
      const busy = await server.createSession();
      await say(server, busy, `wait ${gate.url}`);
      await gate.arrivals(1);
      expect((await answer(server, question, "yes")).status).toBe(200);
      process.kill(pid!, "SIGKILL");
      const { body } = await server.request("GET", `/sessions/${question.sessionId}?wait=true`);
      expect(body).toMatchObject({ status: "error", turn: { outcome: "crashed" } });
      gate.open();
      await server.request("GET", `/sessions/${busy}?wait=true`);
      await until("no slot is held", async () => (await health(server)).running_workers === 0);
      expect((await server.turn(busy, "hello")).response?.content).toBe("here");
    },
    minute,
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
          (await statusOf(server, asks)).interrupts?.find((interrupt) => interrupt.payload === payload);
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
      await until("the turn ends", async () => (await statusOf(server, asks)).status !== "running");
      expect((await statusOf(server, asks)).response?.content).toBe("[3,2]");
      expect(await health(server)).toMatchObject({ running_workers: 0, queued_turns: 0 });
      expect((await server.turn(busy, "hello")).response?.content).toBe("here");
    },
    minute,
  );
});
