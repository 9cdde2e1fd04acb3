import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { askUser, emit, interrupt } from "motus-serve";
import { createGate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("live.ts:agent", { standby: 1 });
});
afterAll(() => server[Symbol.asyncDispose]());

const wait = (id: string, on = server) =>
  on.request("GET", `/sessions/${id}?wait=true`).then(({ body }) => body);
const resume = (id: string, interrupt_id: string, value: unknown, on = server) =>
  on.request("POST", `/sessions/${id}/resume`, { interrupt_id, value });

/** A session whose turn has asked; its id and questions. */
async function ask(content: string, on = server) {
  const id = await on.createSession();
  await on.request("POST", `/sessions/${id}/messages`, { content });
  const session = await wait(id, on);
  return { id, session, questions: session.interrupts as { interrupt_id: string }[] };
}
const only = (questions: { interrupt_id: string }[]) => questions[0]?.interrupt_id ?? "";

describe("interrupt()", () => {
  test("shows what is asked at once, and goes on with the answer", async () => {
    const { id, session, questions } = await ask("ask a.txt");
    expect(session).toMatchObject({ status: "interrupted", response: null, error: null, turn: null });
    expect(questions).toEqual([
      {
        interrupt_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
        type: "tool_approval",
        payload: { type: "tool_approval", tool_name: "rm", tool_args: { path: "a.txt" } },
        created_at: expect.any(String),
        expires_at: expect.any(String),
      },
    ] as never);
    const { status, body } = await resume(id, only(questions), { approved: false, message: "not this one" });
    expect([status, body]).toEqual([200, { session_id: id, status: "running" }]);
    expect(await wait(id)).toMatchObject({
      status: "idle",
      interrupts: null,
      response: { content: '{"approved":false,"message":"not this one"}' },
    });
  });

  test("takes any JSON for an answer", async () => {
    for (const value of [null, true, 0, "", [], { deep: [{ er: null }] }]) {
      const { id, questions } = await ask("ask x");
      expect((await resume(id, only(questions), value)).status).toBe(200);
      expect(JSON.parse((await wait(id)).response.content)).toEqual(value);
    }
  });

  test("may be asked several times at once, each with its own answer, and one after the other", async () => {
    const { id, questions } = await ask("ask-many 3");
    await until("all are asked", async () => (await wait(id)).interrupts.length === 3);
    const all: { interrupt_id: string; payload: { question: number } }[] = (await wait(id)).interrupts;
    expect(all.map(({ payload }) => payload.question)).toEqual([0, 1, 2]);
    expect(questions.length).toBeGreaterThan(0);
    const status = [];
    for (const { interrupt_id, payload } of [...all].reverse()) {
      status.push((await resume(id, interrupt_id, `answer ${payload.question}`)).body.status);
    }
    expect(status).toEqual(["interrupted", "interrupted", "running"]);
    expect((await wait(id)).response.content).toBe('["answer 0","answer 1","answer 2"]');

    const again = await ask("ask-again");
    await resume(again.id, only(again.questions), 1);
    const second = (await wait(again.id)).interrupts;
    expect(second).toMatchObject([{ payload: "second", type: "custom" }]);
    await resume(again.id, only(second), 2);
    expect((await wait(again.id)).response.content).toBe("[1,2]");
  });

  test("holds no slot and stops the clock while it waits", async () => {
    await using narrow = await startServer("live.ts:agent", { workers: 1, timeout: 1 });
    const asking = await Promise.all(Array.from({ length: 5 }, () => ask("ask x", narrow)));
    expect((await narrow.request("GET", "/health")).body).toMatchObject({
      running_workers: 0,
      interrupted_turns: 5,
      queued_turns: 0,
    });
    // Turns of other sessions go on, one after the other, for longer than the timeout of those that wait.
    const since = Date.now();
    while (Date.now() - since < 1_200)
      expect((await narrow.turn(await narrow.createSession(), "all")).status).toBe("idle");
    await Promise.all(asking.map(({ id, questions }) => resume(id, only(questions), 1, narrow)));
    for (const { id } of asking)
      expect(await wait(id, narrow)).toMatchObject({ status: "idle", response: { content: "1" } });
    expect((await narrow.request("GET", "/health")).body).toMatchObject({
      running_workers: 0,
      interrupted_turns: 0,
    });
  });

  test("starts the clock again with the answer", async () => {
    await using impatient = await startServer("live.ts:agent", { timeout: 1 });
    const { id, questions } = await ask("ask-and-spin", impatient);
    await resume(id, only(questions), 1, impatient);
    expect(await wait(id, impatient)).toMatchObject({ status: "error", error: "Agent timed out" });
  });

  test("waits for a slot before it goes on, ahead of turns that have not started", async () => {
    await using gate = createGate();
    await using later = createGate();
    await using narrow = await startServer("live.ts:agent", { workers: 1 });
    const { id, questions } = await ask("ask x", narrow);
    const [busy, queued] = [await narrow.createSession(), await narrow.createSession()];
    await narrow.request("POST", `/sessions/${busy}/messages`, { content: `write ${gate.url}` });
    await gate.arrivals(1);
    await narrow.request("POST", `/sessions/${queued}/messages`, { content: `write ${later.url}` });
    await resume(id, only(questions), 1, narrow);
    expect((await narrow.request("GET", "/health")).body).toMatchObject({
      running_workers: 1,
      queued_turns: 2,
      interrupted_turns: 0,
    });
    expect((await narrow.request("GET", `/sessions/${id}`)).body.status).toBe("running");
    gate.open();
    expect((await wait(id, narrow)).response.content).toBe("1");
    later.open();
    expect((await wait(queued, narrow)).status).toBe("idle");
  });

  test("keeps the session from taking messages", async () => {
    const { id, questions } = await ask("ask x");
    const { body } = await server.request("POST", `/sessions/${id}/messages`, { content: "hi" });
    expect(body).toMatchObject({ status: 409, code: "session_busy", detail: "Session is interrupted" });
    await resume(id, only(questions), 1);
    await wait(id);
  });

  test("of more than 256 kB fails its turn", async () => {
    const { session } = await ask("ask-large");
    expect(session).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(session.error).toStartWith("RangeError: Cannot ask: the question has 300002 characters");
  });

  test("may wait a hundred times at once, and no more", async () => {
    const { id } = await ask("ask-many 101");
    await until("the turn has ended", async () => (await wait(id)).status === "error");
    expect((await wait(id)).error).toBe(
      "RangeError: Cannot ask: 100 questions of this turn wait already; wait for some of their answers first",
    );
  });

  test("outside a worker says where it works", async () => {
    await expect(interrupt({})).rejects.toMatchObject({ code: "outside_turn" });
    await expect(askUser([])).rejects.toThrow("Cannot call askUser() here: it works only while a turn runs");
    expect(() => emit({ type: "text-delta", delta: "" })).toThrow("Cannot call emit() here");
  });
});

describe("askUser()", () => {
  test("asks questions in their own form and returns the answers", async () => {
    const { id, questions } = await ask("ask-user");
    expect(questions).toMatchObject([
      {
        type: "user_input",
        payload: {
          type: "user_input",
          questions: [
            {
              question: "Which?",
              header: "Storage",
              multiSelect: false,
              options: [
                { label: "SQLite", description: "One file" },
                { label: "Postgres", description: "A server" },
              ],
            },
          ],
        },
      },
    ] as never);
    await resume(id, only(questions), { answers: { "Which?": "a third one" } });
    expect((await wait(id)).response.content).toBe('{"Which?":"a third one"}');
  });

  test("fails the turn when the questions or the answer do not fit", async () => {
    expect((await ask("ask-badly")).session.error).toStartWith(
      "TypeError: Cannot ask: it takes one to four questions",
    );
    const { id, questions } = await ask("ask-user");
    await resume(id, only(questions), "SQLite");
    expect((await wait(id)).error).toStartWith('TypeError: Cannot use the answer "SQLite"');
  });
});

describe("POST /sessions/{id}/resume", () => {
  test("answers the same answer again alike, and refuses another, also when the turn is over", async () => {
    const { id, questions } = await ask("ask x");
    for (let i = 0; i < 3; i++) expect((await resume(id, only(questions), { a: 1 })).status).toBe(200);
    expect((await resume(id, only(questions), { a: 2 })).body).toMatchObject({
      status: 409,
      code: "interrupt_answered",
    });
    await wait(id);
    expect((await resume(id, only(questions), { a: 1 })).body).toEqual({ session_id: id, status: "idle" });
    expect((await resume(id, only(questions), { a: 2 })).status).toBe(409);
  });

  test("refuses what is not asked", async () => {
    const { id, questions } = await ask("ask x");
    const unknown = crypto.randomUUID();
    expect((await resume(id, unknown, 1)).body).toMatchObject({ status: 404, code: "interrupt_not_found" });
    expect((await resume(crypto.randomUUID(), only(questions), 1)).body).toMatchObject({
      status: 404,
      code: "session_not_found",
    });
    await resume(id, only(questions), 1);
    await wait(id);
    expect((await resume(id, unknown, 1)).body).toMatchObject({
      status: 409,
      code: "session_not_interrupted",
    });
  });

  test("refuses a body that does not fit", async () => {
    const { id } = await ask("ask x");
    for (const [body, field] of [
      [{ interrupt_id: "x" }, "/value"],
      [{ value: 1 }, "/interrupt_id"],
      [{ interrupt_id: 1, value: 1 }, "/interrupt_id"],
      [{ interrupt_id: "x", value: 1, more: 1 }, "/more"],
    ] as const) {
      const answer = await server.request("POST", `/sessions/${id}/resume`, body);
      expect(answer.body).toMatchObject({ status: 422, errors: [{ field }] });
    }
    await server.request("POST", `/sessions/${id}/cancel`);
  });
});

describe("bounds", () => {
  test("--interrupt-ttl ends a turn that nobody answers", async () => {
    await using forgetful = await startServer("live.ts:agent", { interruptTtl: 0.1 });
    const { id, session } = await ask("ask x", forgetful);
    expect(Date.parse(session.interrupts[0].expires_at) - Date.parse(session.interrupts[0].created_at)).toBe(
      100,
    );
    await until(
      "it has expired",
      async () => (await forgetful.request("GET", `/sessions/${id}`)).body.status === "error",
    );
    const ended = (await forgetful.request("GET", `/sessions/${id}`)).body;
    expect(ended).toMatchObject({
      error: "Interrupt expired",
      interrupts: null,
      turn: { outcome: "failed" },
    });
    await using patient = await startServer("live.ts:agent", { interruptTtl: 0 });
    expect((await ask("ask x", patient)).session.interrupts[0].expires_at).toBeNull();
  });

  test("--max-interrupted fails the turn that is one too many", async () => {
    await using small = await startServer("live.ts:agent", { maxInterrupted: 2 });
    const first = await ask("ask x", small);
    await ask("ask-many 3", small);
    const { session } = await ask("ask x", small);
    expect(session).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(session.error).toBe(
      "Error: 2 turns wait for a person already; answer or cancel some of them, or start the server with a larger --max-interrupted",
    );
    await resume(first.id, only(first.questions), 1, small);
    await wait(first.id, small);
    expect((await ask("ask x", small)).session.status).toBe("interrupted");
  });

  test("deleting an interrupted session ends its turn", async () => {
    const { id } = await ask("ask x");
    expect((await server.request("DELETE", `/sessions/${id}`)).status).toBe(204);
    expect((await server.request("GET", "/health")).body.interrupted_turns).toBe(0);
  });
});
