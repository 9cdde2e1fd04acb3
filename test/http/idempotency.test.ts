/** Requests that come again with their Idempotency-Key: answered alike, and run once. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { readEvents } from "../helpers/read-events.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

const keyed = (key: string = crypto.randomUUID()) => ({ "idempotency-key": key });

let server: TestServer;
beforeAll(async () => {
  server = await startServer("live.ts:agent");
});
afterAll(() => server[Symbol.asyncDispose]());

const count = async () => (await server.request("GET", "/health")).body.total_sessions;
const turns = async (id: string) => (await server.request("GET", `/sessions/${id}/turns`)).body;
const idle = (id: string) => server.request("GET", `/sessions/${id}?wait=true`);
const send = (id: string, content: string, headers = {}, to = server) =>
  to.request("POST", `/sessions/${id}/messages`, { content }, headers);
const stream = (id: string, content: string, headers: Record<string, string>) =>
  readEvents(`${server.url}/sessions/${id}/messages`, {
    method: "POST",
    headers: { ...headers, accept: "text/event-stream", "content-type": "application/json" },
    body: JSON.stringify({ content }),
  });

describe("a session that is made again with its key", () => {
  test("is the first one, with its status and its Location", async () => {
    const before = await count();
    const key = keyed();
    const body = { metadata: { user: "ada" } };
    const first = await server.request("POST", "/sessions", body, key);
    const again = await server.request("POST", "/sessions", body, key);
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    const marks = [first, again].map(({ headers }) => headers.get("idempotent-replayed"));
    expect(marks).toEqual([null, "true"]);
    expect(await count()).toBe(before + 1);
  });

  test("is made once by a hundred requests at once", async () => {
    const before = await count();
    const key = keyed();
    const all = await Promise.all(
      Array.from({ length: 100 }, () => server.request("POST", "/sessions", undefined, key)),
    );
    const made = new Set(
      all.filter(({ status }) => status === 201).map(({ body }) => body.session_id as string),
    );
    expect(made.size).toBe(1);
    const others = all.filter(({ status }) => status !== 201);
    expect(others.every(({ body }) => body.code === "idempotency_in_progress")).toBe(true);
    expect(await count()).toBe(before + 1);
  });

  test("is another one under another key, and without", async () => {
    const key = keyed();
    const made = [
      await server.request("POST", "/sessions", {}, key),
      await server.request("POST", "/sessions", {}, keyed()),
      await server.request("POST", "/sessions", {}),
    ].map(({ body }) => body.session_id);
    expect(new Set(made).size).toBe(3);
  });

  test("is refused with another body, which makes nothing", async () => {
    const key = keyed();
    await server.request("POST", "/sessions", { metadata: { a: 1 } }, key);
    const before = await count();
    for (const body of [{ metadata: { a: 2 } }, {}, undefined]) {
      const { status, body: problem } = await server.request("POST", "/sessions", body, key);
      expect([status, problem.code]).toEqual([422, "idempotency_key_reused"]);
    }
    expect(await count()).toBe(before);
  });
});

describe("a key", () => {
  test.each(["", "x".repeat(256)])("of %j is none", async (key) => {
    const { status, body } = await server.request("POST", "/sessions", {}, keyed(key));
    expect([status, body.code]).toEqual([422, "validation_failed"]);
    expect(body.errors).toEqual([{ field: "Idempotency-Key", message: "must have 1 to 255 characters" }]);
  });

  test("may have 255 characters, and quotes as the draft writes them", async () => {
    for (const key of [crypto.randomUUID().padEnd(255, "x"), `"${crypto.randomUUID()}"`]) {
      const [first, again] = [
        await server.request("POST", "/sessions", {}, keyed(key)),
        await server.request("POST", "/sessions", {}, keyed(key)),
      ];
      expect([first.status, again.body.session_id]).toEqual([201, first.body.session_id]);
    }
  });

  test("belongs to its path: another session does not know it", async () => {
    const key = keyed();
    const [one, two] = [await server.createSession(), await server.createSession()];
    const [first, other] = [await send(one, "nothing", key), await send(two, "nothing", key)];
    expect([first.status, other.status]).toEqual([202, 202]);
    expect(other.body).toMatchObject({ session_id: two });
    expect(other.body.turn_id).not.toBe(first.body.turn_id);
  });

  test("belongs to its caller: another token does not know it", async () => {
    await using own = await startServer("echo.ts:agent", { tokens: ["one", "two"] });
    const key = keyed();
    const made = async (token: string) => {
      const headers = { ...key, authorization: `Bearer ${token}` };
      return (await own.request("POST", "/sessions", {}, headers)).body.session_id;
    };
    const [one, two, oneAgain] = [await made("one"), await made("two"), await made("one")];
    expect(one).not.toBe(two);
    expect(oneAgain).toBe(one);
  });
});

describe("a message that is sent again with its key", () => {
  test("is one turn, while it runs and when it has ended", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    const key = keyed();
    const content = `write ${gate.url}`;
    const first = await send(id, content, key);
    await gate.arrivals(1);
    const during = await send(id, content, key);
    gate.open();
    await idle(id);
    const after = await send(id, content, key);
    for (const again of [during, after]) {
      expect([again.status, again.body]).toEqual([202, first.body]);
      expect(again.headers.get("location")).toBe(`/sessions/${id}`);
    }
    expect(gate.arrived).toBe(1);
    expect(await turns(id)).toHaveLength(1);
  });

  test("runs again when it did nothing because a turn ran", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    await send(id, `write ${gate.url}`);
    await gate.arrivals(1);
    const key = keyed();
    expect((await send(id, "nothing", key)).body.code).toBe("session_busy");
    gate.open();
    await idle(id);
    const second = await send(id, "nothing", key);
    expect([second.status, second.headers.get("idempotent-replayed")]).toEqual([202, null]);
    await idle(id);
    expect(await turns(id)).toHaveLength(2);
  });

  test("runs again when the queue was full, and when what it was sent did not fit", async () => {
    await using gate = createGate();
    await using own = await startServer("waits.ts:agent", { workers: 1, maxQueue: 0 });
    const [busy, other] = [await own.createSession(), await own.createSession()];
    await send(busy, gate.url, {}, own);
    await gate.arrivals(1);
    const key = keyed();
    const path = `/sessions/${other}/messages`;
    expect((await own.request("POST", path, { contnt: "x" }, key)).status).toBe(422);
    expect((await send(other, gate.url, key, own)).body.code).toBe("queue_full");
    gate.open();
    await own.request("GET", `/sessions/${busy}?wait=true`);
    await until("there is room", async () => (await send(other, gate.url, key, own)).status === 202);
    expect((await own.request("GET", `/sessions/${other}?wait=true`)).body.status).toBe("idle");
  });

  test("runs again under a key that met no session", async () => {
    const key = keyed();
    const missing = crypto.randomUUID();
    expect((await send(missing, "nothing", key)).status).toBe(404);
    expect((await send(missing, "something else", key)).status).toBe(404);
  });
});

describe("a stream that is asked for again with its key", () => {
  test("brings the same turn's events again, and no other's", async () => {
    const id = await server.createSession();
    await server.turn(id, "count 2");
    const key = keyed();
    await using first = await stream(id, "all", key);
    const events = await first.rest();
    expect(events.at(-1)?.event).toBe("turn-end");
    await server.turn(id, "count 3");
    await using again = await stream(id, "all", key);
    expect([again.status, again.headers.get("content-location")]).toEqual([
      200,
      `/sessions/${id}/turns/${events[0]?.data.turn_id}`,
    ]);
    expect(await again.rest()).toEqual(events);
    expect(await turns(id)).toHaveLength(3);
  });

  test("joins a turn that still runs, and reads it to its end", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    const key = keyed();
    const content = `write ${gate.url}`;
    const first = await stream(id, content, key);
    expect((await first.next())?.event).toBe("turn-start");
    await first[Symbol.asyncDispose]();
    await gate.arrivals(1);
    await using again = await stream(id, content, key);
    expect((await again.next())?.event).toBe("turn-start");
    gate.open();
    expect((await again.rest()).at(-1)).toMatchObject({ event: "turn-end", data: { outcome: "completed" } });
    expect(gate.arrived).toBe(1);
  });

  test("is told as each request wants it: first in JSON, then as events, and the other way round", async () => {
    const id = await server.createSession();
    const key = keyed();
    const accepted = await send(id, "all", key);
    await using events = await stream(id, "all", key);
    const read = await events.rest();
    expect(read.map(({ data }) => data.turn_id)).toEqual(Array(read.length).fill(accepted.body.turn_id));
    expect([read[0]?.event, read.at(-1)?.event]).toEqual(["turn-start", "turn-end"]);
    const other = keyed();
    await using streamed = await stream(id, "count 1", other);
    const turnId = (await streamed.rest())[0]?.data.turn_id;
    expect((await send(id, "count 1", other)).body).toEqual({
      session_id: id,
      status: "running",
      turn_id: turnId,
    });
  });

  test("brings a reset when the turn's events are no longer held, and ends", async () => {
    const id = await server.createSession();
    const key = keyed();
    await send(id, "all", key);
    await idle(id);
    await server.turn(id, "flood");
    await using again = await stream(id, "all", key);
    const events = await again.rest();
    expect(events).toMatchObject([
      { event: "reset", data: { session: { status: "idle", response: { content: "flooded" } } } },
    ]);
  });

  test("is 404 when its session is gone", async () => {
    const id = await server.createSession();
    const key = keyed();
    await send(id, "all", key);
    await server.request("DELETE", `/sessions/${id}`);
    await using again = await stream(id, "all", key);
    expect(again.status).toBe(404);
    expect((await send(id, "all", key)).status).toBe(202);
  });
});

describe("answers and cancellations that are sent again with their keys", () => {
  test("are answered as at first, whatever became of the session", async () => {
    const id = await server.createSession();
    await send(id, "ask-again");
    const asked = async () => (await server.request("GET", `/sessions/${id}?wait=true`)).body.interrupts;
    const [{ interrupt_id }] = await asked();
    const answer = (value: unknown, headers = {}) =>
      server.request("POST", `/sessions/${id}/resume`, { interrupt_id, value }, headers);
    const [resume, cancel] = [keyed(), keyed()];
    const first = await answer(1, resume);
    expect(first).toMatchObject({ status: 200, body: { session_id: id, status: "running" } });
    await until("it asks again", async () => (await asked())?.[0]?.interrupt_id !== interrupt_id);
    const again = await answer(1, resume);
    expect([again.status, again.body]).toEqual([200, first.body]);
    expect((await answer(2, resume)).body.code).toBe("idempotency_key_reused");
    expect((await answer(2)).body.code).toBe("interrupt_answered");

    const stop = (headers = {}) => server.request("POST", `/sessions/${id}/cancel`, undefined, headers);
    const stopped = await stop(cancel);
    expect([stopped.status, stopped.body.turn.outcome]).toEqual([202, "cancelled"]);
    await server.turn(id, "nothing");
    const stoppedAgain = await stop(cancel);
    expect([stoppedAgain.status, stoppedAgain.body]).toEqual([202, stopped.body]);
    expect(stoppedAgain.headers.get("location")).toBe(`/sessions/${id}`);
    expect((await stop()).body.code).toBe("session_not_running");
  });

  test("are refused with 409 while the first one is being answered", async () => {
    const id = await server.createSession();
    await send(id, "listen-and-ask");
    await server.request("GET", `/sessions/${id}?wait=true`);
    const key = keyed();
    const stop = () => server.request("POST", `/sessions/${id}/cancel`, undefined, key);
    // The agent listens for its signal, so that its end takes a moment.
    const all = await Promise.all(Array.from({ length: 5 }, stop));
    expect(all.filter(({ status }) => status === 202)).toHaveLength(1);
    for (const { status, body, headers } of all.filter((one) => one.status !== 202)) {
      expect([status, body.code, headers.get("retry-after")]).toEqual([409, "idempotency_in_progress", "1"]);
    }
    expect((await stop()).status).toBe(202);
  });
});
