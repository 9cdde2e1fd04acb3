import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { readEvents } from "../helpers/read-events.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("live.ts:agent", { standby: 1 });
});
afterAll(() => server[Symbol.asyncDispose]());

const read = (id: string, query = "", headers: Record<string, string> = {}) =>
  readEvents(`${server.url}/sessions/${id}/events${query}`, { headers });
const send = (id: string, content: string, url = server.url) =>
  readEvents(`${url}/sessions/${id}/messages`, {
    method: "POST",
    body: JSON.stringify({ content }),
    headers: { "content-type": "application/json", accept: "text/event-stream" },
  });
const types = (events: { event: string | undefined }[]) => events.map(({ event }) => event);

describe("events of a turn", () => {
  test("reach their reader in pieces when a delta is long, and no character is cut", async () => {
    const id = await server.createSession();
    await using stream = await send(id, "long 200001");
    const deltas = (await stream.rest()).flatMap(({ data }) =>
      data.type === "text-delta" ? [data.delta] : [],
    );
    expect(deltas.every((delta) => delta.length <= 65_536 && delta.isWellFormed())).toBe(true);
    expect(deltas.join("")).toBe("😀".repeat(200_001));
  });

  test("fail the turn when one is longer than 1 MB", async () => {
    const session = await server.turn(await server.createSession(), "long-data 1048577");
    expect(session).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(session.error).toStartWith("RangeError: Cannot emit a custom of 1048");
  });

  test("carry their names and number, in the order in which the agent said them", async () => {
    const id = await server.createSession();
    await using stream = await send(id, "all");
    expect([stream.status, stream.headers.get("content-type")]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
    ]);
    const events = await stream.rest();
    const turnId = events[0]?.data.turn_id;
    expect(turnId).toMatch(/^[0-9a-f-]{36}$/);
    const names = { session_id: id, turn_id: turnId };
    expect(events.map(({ data }) => data)).toEqual([
      { seq: 1, type: "turn-start", ...names },
      { seq: 2, type: "text-delta", ...names, delta: "a" },
      { seq: 3, type: "reasoning-delta", ...names, delta: "b" },
      { seq: 4, type: "tool-call", ...names, tool_call_id: "c", tool_name: "add", input: { x: 1 } },
      {
        seq: 5,
        type: "tool-result",
        ...names,
        tool_call_id: "c",
        tool_name: "add",
        output: 2,
        is_error: false,
      },
      { seq: 6, type: "custom", ...names, name: "n", data: null },
      {
        seq: 7,
        type: "turn-end",
        ...names,
        outcome: "completed",
        response: { role: "assistant", content: "all" },
        error: null,
        receipt: (await server.request("GET", `/sessions/${id}`)).body.turn,
      },
    ]);
    for (const { id: eventId, event, data } of events)
      expect([eventId, event]).toEqual([String(data.seq), data.type]);
  });

  test("come from the yields of a generator: strings are text, objects are events", async () => {
    await using own = await startServer("live.ts:generator");
    await using stream = await send(await own.createSession(), "one two", own.url);
    const events = await stream.rest();
    expect(types(events)).toEqual(["turn-start", "text-delta", "text-delta", "custom", "turn-end"]);
    expect(events.slice(1, 3).map(({ data }) => data.delta)).toEqual(["one", "two"]);
  });

  test("must be events: anything else fails the turn and says what is taken", async () => {
    await using own = await startServer("live.ts:confused");
    expect((await own.turn(await own.createSession(), "x")).error).toStartWith(
      "TypeError: Cannot emit 42: it takes text-delta,",
    );
    const session = await server.turn(await server.createSession(), "nonsense");
    expect(session).toMatchObject({
      turn: { outcome: "failed" },
      error: expect.stringContaining("TypeError: Cannot emit {"),
    });
  });

  test("reach the reader while the turn runs", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    await using stream = await send(id, `ask-then-wait ${gate.url}`);
    const asked = (await stream.until("interrupt")).at(-1)?.data;
    await server.request("POST", `/sessions/${id}/resume`, { interrupt_id: asked.interrupt_id, value: true });
    await stream.until("interrupt-resolved");
    await gate.arrivals(1);
    gate.open();
    expect(types(await stream.rest())).toEqual(["turn-end"]);
  });

  test("end with their turn's end for the one who sent the message, however it ends", async () => {
    const id = await server.createSession();
    await using crashed = await send(id, "usage and crash");
    expect((await crashed.rest()).at(-1)?.data).toMatchObject({
      type: "turn-end",
      outcome: "crashed",
      response: null,
    });
    await using asking = await send(id, "ask x");
    await asking.until("interrupt");
    await server.request("POST", `/sessions/${id}/cancel`);
    expect((await asking.rest()).at(-1)?.data).toMatchObject({
      outcome: "cancelled",
      error: "Turn cancelled",
    });
  });

  test("are not streamed to one whose message is refused", async () => {
    const id = await server.createSession();
    await using asking = await send(id, "ask x");
    await asking.until("interrupt");
    await using refused = await send(id, "all");
    expect([refused.status, refused.headers.get("content-type")]).toEqual([409, "application/problem+json"]);
    await server.request("POST", `/sessions/${id}/cancel`);
  });
});

describe("GET /sessions/{id}/events", () => {
  test("answers at once, replays all, and goes on live across turns", async () => {
    const id = await server.createSession();
    await using early = await read(id);
    expect(early.headers.get("cache-control")).toBe("no-store");
    await server.turn(id, "count 3");
    expect(types(await early.until("turn-end"))).toEqual([
      "turn-start",
      "text-delta",
      "text-delta",
      "text-delta",
      "turn-end",
    ]);
    expect(early.comments).toEqual(["open"]);
    await using late = await read(id);
    expect(await late.until("turn-end")).toHaveLength(5);
    await server.turn(id, "count 1");
    for (const reader of [early, late]) {
      expect((await reader.until("turn-end")).map(({ data }) => data.seq)).toEqual([6, 7, 8]);
    }
  });

  test("replays what follows Last-Event-ID or ?after=", async () => {
    const id = await server.createSession();
    await server.turn(id, "count 10");
    await using byHeader = await read(id, "", { "last-event-id": "9" });
    await using byQuery = await read(id, "?after=9");
    await using both = await read(id, "?after=2", { "last-event-id": "9" });
    for (const reader of [byHeader, byQuery, both]) {
      expect((await reader.until("turn-end")).map(({ data }) => data.seq)).toEqual([10, 11, 12]);
    }
    await using current = await read(id, "?after=12");
    await server.turn(id, "all");
    expect((await current.next())?.data).toMatchObject({ seq: 13, type: "turn-start" });
  });

  test("sends a reset with the session when the place is not held", async () => {
    const id = await server.createSession();
    await server.turn(id, "count 1");
    await using ahead = await read(id, "?after=1000");
    const reset = await ahead.next();
    const session = (await server.request("GET", `/sessions/${id}`)).body;
    expect(reset).toEqual({
      id: "3",
      event: "reset",
      data: { type: "reset", session_id: id, seq: 3, session },
    });
    await server.turn(id, "count 1");
    expect((await ahead.next())?.data).toMatchObject({ seq: 4, type: "turn-start" });

    const flooded = await server.createSession();
    await server.turn(flooded, "flood");
    await using behind = await read(flooded, "?after=1");
    expect((await behind.next())?.data).toMatchObject({
      type: "reset",
      seq: 5_002,
      session: { status: "idle" },
    });
    await using held = await read(flooded, "?after=4990");
    expect((await held.until("turn-end")).map(({ data }) => data.seq)).toEqual(
      Array.from({ length: 12 }, (_, i) => 4_991 + i),
    );
  });

  test("refuses what is no place, and a session that is not there", async () => {
    const id = await server.createSession();
    for (const [query, headers, field] of [
      ["?after=-1", {}, "/after"],
      ["?after=x", {}, "/after"],
      ["", { "last-event-id": "x" }, "Last-Event-ID"],
    ] as const) {
      const { body } = await server.request("GET", `/sessions/${id}/events${query}`, undefined, headers);
      expect(body).toMatchObject({ status: 422, errors: [{ field }] });
    }
    expect((await server.request("GET", `/sessions/${crypto.randomUUID()}/events`)).body.code).toBe(
      "session_not_found",
    );
  });

  test("ends when the session is deleted", async () => {
    const id = await server.createSession();
    await using stream = await read(id);
    await server.request("DELETE", `/sessions/${id}`);
    expect(await stream.rest()).toEqual([]);
  });

  test("ends when the server stops, after the last events", async () => {
    await using own = await startServer("live.ts:agent");
    const id = await own.createSession();
    await using idle = await readEvents(`${own.url}/sessions/${await own.createSession()}/events`);
    await using stream = await readEvents(`${own.url}/sessions/${id}/events`);
    await using asking = await send(id, "ask x", own.url);
    await asking.until("interrupt");
    await own.server.stop({ now: true });
    expect(await idle.rest()).toEqual([]);
    for (const reader of [stream, asking]) {
      expect((await reader.rest()).at(-1)?.data).toMatchObject({ type: "turn-end", outcome: "cancelled" });
    }
  });

  test("that is left does not end the turn", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    const stream = await send(id, `write ${gate.url}`);
    await gate.arrivals(1);
    await stream[Symbol.asyncDispose]();
    gate.open();
    expect((await server.request("GET", `/sessions/${id}?wait=true`)).body).toMatchObject({
      status: "idle",
      response: { content: "wrote" },
    });
  });
});
