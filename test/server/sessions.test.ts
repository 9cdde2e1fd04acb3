import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

describe("a conversation", () => {
  test("remembers: the state of one turn is what the next gets", async () => {
    await using server = await startServer("state.ts:agent");
    const id = await server.createSession({
      state: [{ role: "user", content: "first", unknown_field: { kept: true } }],
    });
    const told = JSON.parse((await server.turn(id, "append")).response?.content ?? "");
    expect(told).toEqual([{ role: "user", content: "first", unknown_field: { kept: true } }]);
    const again = JSON.parse((await server.turn(id, "tell")).response?.content ?? "");
    expect(again).toEqual([...told, { role: "user", content: "new" }]);
  });

  test("lets the agent append, change, compact and clear its state", async () => {
    await using server = await startServer("state.ts:agent");
    const id = await server.createSession();
    const state = async (instruction: string) => {
      expect((await server.turn(id, instruction)).error).toBeNull();
      const { body } = await server.request("GET", `/sessions/${id}/messages`);
      expect((await server.request("GET", "/sessions")).body[0].total_messages).toBe(body.length);
      return body.map(({ content }: { content: string }) => content);
    };
    expect(await state("append")).toEqual(["new"]);
    expect(await state("append")).toEqual(["new", "new"]);
    expect(await state("change the second in place")).toEqual(["new", "changed"]);
    expect(await state("tell")).toEqual(["new", "changed"]);
    expect(await state("compact")).toEqual(["2 messages"]);
    expect(await state("clear")).toEqual([]);
  });

  test("leaves out fields without a value", async () => {
    await using server = await startServer("state.ts:agent");
    const id = await server.createSession({ state: [{ role: "user", content: null, name: "ada" }] });
    expect((await server.request("GET", `/sessions/${id}/messages`)).body).toEqual([
      { role: "user", name: "ada" },
    ]);
    await server.turn(id, "nulls");
    expect((await server.request("GET", `/sessions/${id}/messages`)).body).toEqual([
      { role: "assistant", name: "x" },
    ]);
  });

  for (const [name, content] of [
    ["syncFunction", "sync"],
    ["asyncFunction", "async"],
    ["generator", "generator"],
    ["asyncGenerator", "async generator"],
    ["object", "object"],
    ["generatorObject", "generator object"],
  ] as const) {
    test(`can be held with an agent of the form ${name}`, async () => {
      await using server = await startServer(`forms.ts:${name}`);
      const session = await server.turn(await server.createSession(), "hi");
      expect(session).toMatchObject({ status: "idle", response: { role: "assistant", content } });
    });
  }

  test("gives the agent its names, the message with all its fields, and none of the server's secrets", async () => {
    process.env.MOTUS_TOKEN = "secret";
    await using server = await startServer("forms.ts:context", { standby: 1 });
    delete process.env.MOTUS_TOKEN;
    const id = await server.createSession();
    const message = {
      role: "user",
      content: "hi",
      name: "ada",
      user_params: { depth: 2 },
      base64_image: "aGk=",
    };
    const { body: sent } = await server.request("POST", `/sessions/${id}/messages`, message);
    const { body } = await server.request("GET", `/sessions/${id}?wait=true`);
    const told = JSON.parse(body.response.content);
    expect(told).toMatchObject({ sessionId: id, turnId: sent.turn_id, aborted: false, message });
    expect(told.environment).toEqual({
      MOTUS_SESSION_ID: id,
      MOTUS_TURN_ID: sent.turn_id,
      OPENAI_AGENTS_DISABLE_TRACING: "1",
      BUN_ENABLE_CRASH_REPORTING: "0",
    });
    expect(body.turn.turn_id).toBe(sent.turn_id);
  });
});

describe("a session that is busy", () => {
  test("accepts exactly one of a hundred messages at once", async () => {
    await using server = await startServer("echo.ts:agent");
    const id = await server.createSession();
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        server.request("POST", `/sessions/${id}/messages`, { content: "hi" }),
      ),
    );
    expect(answers.filter(({ status }) => status === 202)).toHaveLength(1);
    for (const { status, body } of answers.filter(({ status }) => status !== 202)) {
      expect([status, body.code, body.detail]).toEqual([409, "session_busy", "Session is running"]);
    }
    await server.request("GET", `/sessions/${id}?wait=true`);
  });

  test("ends the wait of all who wait for it when its turn ends", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    const waits = Array.from({ length: 20 }, () => server.request("GET", `/sessions/${id}?wait=true`));
    await gate.arrivals(1);
    expect((await server.request("GET", `/sessions/${id}`)).body).toMatchObject({
      status: "running",
      response: null,
    });
    const limited = await server.request("GET", `/sessions/${id}?wait=true&timeout=0.05`);
    expect(limited.body.status).toBe("running");
    gate.open();
    for (const { body } of await Promise.all(waits)) {
      expect(body).toMatchObject({ status: "idle", response: { content: "open" } });
    }
  });

  test("goes on when the client that asked leaves", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    const leaving = new AbortController();
    const wait = fetch(`${server.url}/sessions/${id}?wait=true`, { signal: leaving.signal });
    leaving.abort();
    await expect(wait).rejects.toThrow();
    gate.open();
    expect((await server.request("GET", `/sessions/${id}?wait=true`)).body.response.content).toBe("open");
  });
});

describe("deletion", () => {
  test("kills the running turn and ends waits with 404", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    const wait = server.request("GET", `/sessions/${id}?wait=true`);
    await server.request("GET", `/sessions/${id}`);
    expect((await server.request("DELETE", `/sessions/${id}`)).status).toBe(204);
    expect((await wait).status).toBe(404);
    expect((await server.request("GET", "/health")).body).toMatchObject({
      running_workers: 0,
      total_sessions: 0,
    });
    expect((await server.request("DELETE", `/sessions/${id}`)).status).toBe(404);
  });

  test("takes a waiting turn out of the queue before it starts", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { workers: 1 });
    const [first, second] = [await server.createSession(), await server.createSession()];
    await server.request("POST", `/sessions/${first}/messages`, { content: gate.url });
    await server.request("POST", `/sessions/${second}/messages`, { content: gate.url });
    expect((await server.request("GET", "/health")).body).toMatchObject({
      running_workers: 1,
      queued_turns: 1,
    });
    await server.request("DELETE", `/sessions/${second}`);
    expect((await server.request("GET", "/health")).body).toMatchObject({
      running_workers: 1,
      queued_turns: 0,
    });
    gate.open();
    await server.request("GET", `/sessions/${first}?wait=true`);
    expect(gate.arrived).toBe(1);
  });
});

describe("limits", () => {
  test("--max-sessions: one more is 503, and there is room again after a deletion", async () => {
    await using server = await startServer("echo.ts:agent", { maxSessions: 2 });
    const first = await server.createSession();
    await server.createSession();
    const refused = await server.request("POST", "/sessions");
    expect(refused.body).toMatchObject({
      status: 503,
      code: "session_limit_reached",
      detail: "Maximum number of sessions reached",
    });
    expect(refused.headers.get("retry-after")).toBe("1");
    await server.request("DELETE", `/sessions/${first}`);
    expect((await server.request("POST", "/sessions")).status).toBe(201);
  });

  test("--max-queue: one more waiting turn is 503, and its session is free to send again", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { workers: 2, maxQueue: 3 });
    const ids = await Promise.all(Array.from({ length: 8 }, () => server.createSession()));
    const answers = await Promise.all(
      ids.map((id) => server.request("POST", `/sessions/${id}/messages`, { content: gate.url })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 202, 202, 202, 202, 503, 503, 503]);
    const refused = answers.findIndex(({ status }) => status === 503);
    expect(answers[refused]?.body.code).toBe("queue_full");
    expect(answers[refused]?.headers.get("retry-after")).toBe("1");
    expect((await server.request("GET", `/sessions/${ids[refused]}`)).body.status).toBe("idle");
    gate.open();
    await Promise.all(ids.map((id) => server.request("GET", `/sessions/${id}?wait=true`)));
    expect((await server.turn(ids[refused] as string, gate.url)).status).toBe("idle");
    expect((await server.request("GET", "/health")).body).toMatchObject({
      running_workers: 0,
      queued_turns: 0,
    });
  });

  test("--workers: no more turns run at once", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { workers: 2 });
    const ids = await Promise.all(Array.from({ length: 5 }, () => server.createSession()));
    for (const id of ids) await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(2);
    expect((await server.request("GET", "/health")).body).toMatchObject({
      max_workers: 2,
      running_workers: 2,
      queued_turns: 3,
    });
    gate.open();
    await Promise.all(ids.map((id) => server.request("GET", `/sessions/${id}?wait=true`)));
    expect(gate.arrived).toBe(5);
  });

  test("--ttl deletes what is idle for long and keeps what runs", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { ttl: 0.3 });
    const idle = await server.createSession();
    const running = await server.createSession();
    await server.request("POST", `/sessions/${running}/messages`, { content: gate.url });
    await until(
      "the idle session is gone",
      async () => (await server.request("GET", `/sessions/${idle}`)).status === 404,
    );
    expect((await server.request("GET", `/sessions/${running}`)).body.status).toBe("running");
    gate.open();
    expect((await server.request("GET", `/sessions/${running}?wait=true`)).body.status).toBe("idle");
    await until(
      "the other is gone too",
      async () => (await server.request("GET", "/health")).body.total_sessions === 0,
    );
  });
});
