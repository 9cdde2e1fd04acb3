import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
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

const lanes = 10;
const rounds = 100;
const maxMs = 60_000;

/** Races a thousand times, so many at once, and returns how often it came out how. */
async function race(run: (lane: number, round: number) => Promise<string>): Promise<Record<string, number>> {
  const results: Record<string, number> = {};
  const runLane = async (lane: number) => {
    for (let round = 0; round < rounds; round += 1) {
      const result = await run(lane, round);
      results[result] = (results[result] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
  return results;
}

function expectThousand(results: Record<string, number>): void {
  expect(Object.values(results).reduce((total, count) => total + count, 0)).toBe(lanes * rounds);
}

/** Lets a little time pass, more in some rounds than in others, by asking the server something. */
async function dawdle(server: TestServer, times: number): Promise<void> {
  for (let time = 0; time < times; time += 1) await server.request("GET", "/health");
}

function createSessions(server: TestServer): Promise<string[]> {
  return Promise.all(Array.from({ length: lanes }, () => server.createSession()));
}

/** Answers a question, and reads how the turn ended. */
async function answerAndEnd(server: TestServer, question: Question): Promise<string> {
  const { status } = await answer(server, question, "yes");
  expect([200, 409]).toContain(status);
  const { turn, response, error } = await ended(server, question.sessionId);
  if (turn?.outcome === "completed") expect(response?.content).toBe('"yes"');
  // Only the turn's own clock, which runs again, may still end it.
  else expect({ status, error }).not.toEqual({ status: 200, error: "Interrupt expired" });
  return `${status} ${turn?.outcome}`;
}

describe("a thousand races without a stuck session", () => {
  test(
    "interrupt and cancel",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const ids = await createSessions(server);
      const results = await race(async (lane, round) => {
        const id = ids[lane]!;
        await using gate = createGate();
        await say(server, id, `ask-at ${gate.url}`);
        await gate.arrivals(1);
        gate.open();
        await dawdle(server, (lane + round) % 8);
        const before = (await sessionOf(server, id)).status;
        const { status, body } = await server.request("POST", `/sessions/${id}/cancel`);
        expect({ status, body }).toMatchObject({
          status: 202,
          body: { status: "idle", error: "Turn cancelled", turn: { outcome: "cancelled" } },
        });
        return before;
      });
      expectThousand(results);
      await expectRest(server, before);
    },
    maxMs,
  );

  test(
    "cancel and the turn's own start and end",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const ids = await createSessions(server);
      const results = await race(async (lane, round) => {
        const id = ids[lane]!;
        const saying = server.request("POST", `/sessions/${id}/messages`, { content: "hello" });
        await dawdle(server, (lane + round) % 12);
        const { status } = await server.request("POST", `/sessions/${id}/cancel`);
        expect([202, 409]).toContain(status);
        expect((await saying).status).toBe(202);
        const { turn } = await ended(server, id);
        return `${status} ${turn?.outcome}`;
      });
      expectThousand(results);
      await expectRest(server, before);
    },
    maxMs,
  );

  test(
    "resume and the question's expiry",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4, interruptTtl: 0.008 });
      const ids = await createSessions(server);
      const results = await race(async (lane, round) => {
        await say(server, ids[lane]!, "ask");
        const { status, interrupts } = await settled(server, ids[lane]!);
        if (status !== "interrupted") return "expired unseen";
        const question = { sessionId: ids[lane]!, interruptId: interrupts![0]!.interrupt_id };
        await dawdle(server, (lane + round) % 12);
        return answerAndEnd(server, question);
      });
      expectThousand(results);
      await expectRest(server, before);
    },
    maxMs,
  );

  test(
    "resume and the turn's timeout",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4, timeout: 0.04 });
      const ids = await createSessions(server);
      const results = await race(async (lane) => {
        const sessionId = ids[lane]!;
        await say(server, sessionId, "ask");
        const { status, interrupts, turn } = await settled(server, sessionId);
        if (status !== "interrupted") return `${turn?.outcome} before it asked`;
        return answerAndEnd(server, { sessionId, interruptId: interrupts![0]!.interrupt_id });
      });
      expectThousand(results);
      await expectRest(server, before);
    },
    maxMs,
  );

  test(
    "resume and deletion",
    async () => {
      const before = workers().length;
      await using server = await startServer("endure-agent.ts:agent", { workers: 4 });
      const results = await race(async (_, round) => {
        const id = await server.createSession();
        const question = await ask(server, id);
        const remove = () => server.request("DELETE", `/sessions/${id}`);
        const resume = () => answer(server, question, "yes");
        const acts = round % 2 === 0 ? [resume(), remove()] : [remove(), resume()];
        const [first, second] = await Promise.all(acts);
        const [resumed, removed] = round % 2 === 0 ? [first!, second!] : [second!, first!];
        expect([200, 404]).toContain(resumed.status);
        expect(removed.status).toBe(204);
        expect((await server.request("GET", `/sessions/${id}`)).status).toBe(404);
        return `${resumed.status}`;
      });
      expectThousand(results);
      expect((await server.request("GET", "/health")).body.total_sessions).toBe(0);
      await expectRest(server, before);
    },
    maxMs,
  );
});
