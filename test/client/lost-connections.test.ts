/** Ends of connections that are easy to miss: clean ones, hidden headers, and turns whose last events are gone. */
import { describe, expect, test } from "bun:test";
import { MotusClient, type SessionEvent } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";

const sessionId = crypto.randomUUID();
const turnId = crypto.randomUUID();
const names = { session_id: sessionId, turn_id: turnId };
const receipt = { turn_id: turnId, outcome: "completed", started_at: "2026-01-01T00:00:00Z" };

function stream(...frames: (object | string)[]): Response {
  const text = frames.map((frame) =>
    typeof frame === "string"
      ? frame
      : `id: ${(frame as SessionEvent).seq}\ndata: ${JSON.stringify(frame)}\n\n`,
  );
  return new Response(text.join(""), { headers: { "content-type": "text/event-stream; charset=utf-8" } });
}

/** A client whose requests are answered by a function of their number, method and path. */
function scripted(
  answer: (request: { count: number; method: string; path: string; init: RequestInit }) => Response,
) {
  let count = 0;
  const client = new MotusClient("http://127.0.0.1", {
    fetch: async (url, init) => {
      count += 1;
      return answer({ count, method: init.method ?? "", path: new URL(url).pathname, init });
    },
  });
  return { client, requests: () => count };
}

const reset = (seq: number, turn: object | null, status = "idle") => ({
  type: "reset",
  seq,
  session_id: sessionId,
  session: {
    session_id: sessionId,
    status,
    turn,
    response: { role: "assistant", content: "hi" },
    error: null,
  },
});

describe("MotusClient.events()", () => {
  test("gives up when connections end without an event, however cleanly", async () => {
    const { client, requests } = scripted(() => stream("retry: 1\n\n"));
    await expect(Array.fromAsync(client.events(sessionId))).rejects.toMatchObject({
      code: "connection_failed",
    });
    expect(requests()).toBe(7);
  });

  test("leaves the server alone for as long as it asks", async () => {
    const times: number[] = [];
    const { client } = scripted(({ count }) => {
      times.push(performance.now());
      if (count < 3) return stream("retry: 300\n\n", { ...names, type: "turn-start", seq: count });
      return Response.json({ code: "session_not_found", detail: "Session not found" }, { status: 404 });
    });
    expect(await Array.fromAsync(client.events(sessionId))).toHaveLength(2);
    expect((times[1] as number) - (times[0] as number)).toBeGreaterThan(280);
    expect((times[2] as number) - (times[1] as number)).toBeGreaterThan(280);
  });
});

describe("MotusClient.stream()", () => {
  test("goes on where a web page of another origin cannot see which turn it is", async () => {
    const { client, requests } = scripted(({ count }) =>
      count === 1
        ? stream("retry: 1\n\n", { ...names, type: "turn-start", seq: 4 })
        : stream({ ...names, type: "turn-end", seq: 5, outcome: "completed", receipt }),
    );
    expect((await Array.fromAsync(client.stream(sessionId, "hi"))).map(({ seq }) => seq)).toEqual([4, 5]);
    expect(requests()).toBe(2);
  });

  test("does not guess which turn is its own", async () => {
    const { client, requests } = scripted(() => stream("retry: 1\n\n"));
    await expect(Array.fromAsync(client.stream(sessionId, "hi"))).rejects.toMatchObject({
      code: "connection_failed",
    });
    expect(requests()).toBe(1);
  });

  test("ends with a turn-end also when that is among the events that a reset stands for", async () => {
    for (const isFirst of [true, false]) {
      const { client } = scripted(({ count }) =>
        count === 1 && !isFirst
          ? stream("retry: 1\n\n", { ...names, type: "turn-start", seq: 4 })
          : stream(reset(90, receipt)),
      );
      const events = await Array.fromAsync(client.stream(sessionId, "hi"));
      expect(events.slice(-2)).toMatchObject([
        { type: "reset" },
        { type: "turn-end", seq: 90, turn_id: turnId, outcome: "completed", response: { content: "hi" } },
      ]);
    }
  });

  test("rejects when its turn's end is no longer held and other turns have followed", async () => {
    const { client } = scripted(({ count, path }) => {
      if (path.endsWith(`/turns/${turnId}`)) return Response.json(receipt);
      if (count === 1) return stream("retry: 1\n\n", { ...names, type: "turn-start", seq: 4 });
      return stream(reset(90, { ...receipt, turn_id: crypto.randomUUID() }));
    });
    await expect(Array.fromAsync(client.stream(sessionId, "hi"))).rejects.toMatchObject({
      code: "events_lost",
    });
  });

  test("rejects when its session is deleted before the turn's end", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    const reading = Array.fromAsync(client.stream(session_id, gate.url)).catch((error: unknown) => error);
    await gate.arrivals(1);
    await client.deleteSession(session_id);
    expect(await reading).toMatchObject({ code: "session_not_found" });
  });
});
