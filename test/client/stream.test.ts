import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { MotusClient, type SessionEvent } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { createLine } from "../helpers/line.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

let server: TestServer;
let client: MotusClient;
beforeAll(async () => {
  server = await startServer("live.ts:agent", { standby: 1 });
  client = new MotusClient(server.url);
});
afterAll(() => server[Symbol.asyncDispose]());

const create = async () => (await client.createSession()).session_id;
const seqs = (events: SessionEvent[]) => events.map(({ seq }) => seq);

async function collect(
  events: AsyncIterable<SessionEvent>,
  isLast: (event: SessionEvent) => boolean = () => false,
) {
  const collected: SessionEvent[] = [];
  for await (const event of events) {
    collected.push(event);
    if (isLast(event)) break;
  }
  return collected;
}
const isEnd = ({ type }: SessionEvent) => type === "turn-end";

describe("MotusClient.stream()", () => {
  test("yields what the turn says, up to its end", async () => {
    const events = await collect(client.stream(await create(), { content: "count 3" }));
    expect(events.map(({ type }) => type)).toEqual([
      "turn-start",
      "text-delta",
      "text-delta",
      "text-delta",
      "turn-end",
    ]);
  });

  test("goes on through cut connections, with every event once and one turn", async () => {
    await using line = await createLine(server.url);
    await using gate = createGate();
    const far = new MotusClient(line.url);
    const id = await create();
    await client.send(id, "count 2");
    await client.wait(id);

    const events: SessionEvent[] = [];
    for await (const event of far.stream(id, `ask-then-wait ${gate.url}`)) {
      events.push(event);
      if (event.type === "turn-start") line.cut();
      if (event.type === "interrupt") {
        line.cut();
        await client.resume(id, event.interrupt_id, true);
        await gate.arrivals(1);
        gate.open();
      }
    }
    expect(events.map(({ type }) => type)).toEqual([
      "turn-start",
      "interrupt",
      "interrupt-resolved",
      "turn-end",
    ]);
    expect(seqs(events)).toEqual([5, 6, 7, 8]);
    expect(line.connections).toBeGreaterThanOrEqual(3);
    expect(await client.turns(id)).toHaveLength(2);
  });

  test("rejects when the message is refused", async () => {
    await expect(collect(client.stream(crypto.randomUUID(), "hi"))).rejects.toMatchObject({
      code: "session_not_found",
    });
    const id = await create();
    await client.send(id, "ask x");
    await expect(collect(client.stream(id, "hi"))).rejects.toMatchObject({ code: "session_busy" });
    await client.cancel(id);
  });

  test("can be left, and the turn goes on", async () => {
    await using gate = createGate();
    const id = await create();
    await collect(client.stream(id, `write ${gate.url}`), ({ type }) => type === "turn-start");
    await gate.arrivals(1);
    gate.open();
    expect((await client.wait(id)).response?.content).toBe("wrote");
    const leaving = new AbortController();
    leaving.abort(new Error("enough"));
    await expect(collect(client.stream(id, "count 1", { signal: leaving.signal }))).rejects.toThrow("enough");
  });
});

describe("MotusClient.follow()", () => {
  test("yields what the turn that is under way said and says, through cut connections", async () => {
    await using line = await createLine(server.url);
    const id = await create();
    await collect(client.stream(id, "count 2"));
    const { turn_id } = await client.send(id, "ask-again");
    await client.wait(id);
    const events: SessionEvent[] = [];
    for await (const event of new MotusClient(line.url).follow(id)) {
      events.push(event);
      line.cut();
      if (event.type === "interrupt") await client.resume(id, event.interrupt_id, 1);
    }
    expect(events.map(({ type }) => type)).toEqual([
      "turn-start",
      "interrupt",
      "interrupt-resolved",
      "interrupt",
      "interrupt-resolved",
      "turn-end",
    ]);
    expect(events[0]).toMatchObject({ seq: 5, turn_id });
  });

  test("waits for a turn that is queued, also for its cancellation", async () => {
    await using gate = createGate();
    await using narrow = await startServer("waits.ts:agent", { workers: 1 });
    const reading = Promise.withResolvers<void>();
    const near = new MotusClient(narrow.url, {
      fetch: async (url, init) => {
        const response = await fetch(url, init);
        if (url.endsWith("/events")) reading.resolve();
        return response;
      },
    });
    const [first, second] = [await near.createSession(), await near.createSession()];
    await near.send(first.session_id, gate.url);
    await gate.arrivals(1);
    await near.send(second.session_id, gate.url);
    const following = collect(near.follow(second.session_id));
    await reading.promise;
    await near.cancel(second.session_id);
    expect(await following).toMatchObject([{ type: "turn-end", outcome: "cancelled" }]);
  });

  test("yields nothing when no turn is under way", async () => {
    const id = await create();
    expect(await collect(client.follow(id))).toEqual([]);
    await collect(client.stream(id, "count 2"));
    expect(await collect(client.follow(id))).toEqual([]);
    await expect(collect(client.follow(crypto.randomUUID()))).rejects.toMatchObject({
      code: "session_not_found",
    });
  });

  test("begins with a reset when the turn's first event is no longer held", async () => {
    const id = await create();
    await collect(client.stream(id, "count 20001"));
    await client.send(id, "ask x");
    await client.wait(id);
    const events: SessionEvent[] = [];
    for await (const event of client.follow(id)) {
      events.push(event);
      if (event.type !== "reset") continue;
      await client.resume(id, event.session.interrupts?.[0]?.interrupt_id ?? "", 1);
    }
    expect(events.map(({ type }) => type)).toEqual(["reset", "interrupt-resolved", "text-delta", "turn-end"]);
  });

  test("rejects when the session is deleted before the turn's end", async () => {
    const id = await create();
    await client.send(id, "ask x");
    await client.wait(id);
    const following = client.follow(id);
    await following.next();
    await client.deleteSession(id);
    await expect(collect(following)).rejects.toMatchObject({ code: "session_not_found" });
  });
});

describe("MotusClient.events()", () => {
  test("replays, goes on live across turns and cut connections, and ends when the session is deleted", async () => {
    await using line = await createLine(server.url);
    const id = await create();
    await client.send(id, "count 2");
    await client.wait(id);
    const events: SessionEvent[] = [];
    let ends = 0;
    for await (const event of new MotusClient(line.url).events(id)) {
      events.push(event);
      if (event.type !== "turn-end") continue;
      ends += 1;
      line.cut();
      if (ends < 3) await client.send(id, "count 2");
      else await client.deleteSession(id);
    }
    expect(seqs(events)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  });

  test("starts after a place, and says so with a reset when it is not held", async () => {
    const id = await create();
    await client.send(id, "count 2");
    await client.wait(id);
    expect(seqs(await collect(client.events(id, { after: 2 }), isEnd))).toEqual([3, 4]);
    const [reset] = await collect(client.events(id, { after: 99 }), () => true);
    expect(reset).toMatchObject({ type: "reset", seq: 4, session: { status: "idle" } });
  });

  test("rejects for a session that never was, and for a server that is out of reach", async () => {
    await expect(collect(client.events(crypto.randomUUID()))).rejects.toMatchObject({
      code: "session_not_found",
    });
    await expect(
      collect(new MotusClient("http://127.0.0.1:1").events(crypto.randomUUID())),
    ).rejects.toMatchObject({
      code: "connection_failed",
    });
  }, 20_000);
});

describe("MotusClient", () => {
  test("resumes, cancels, and reads turns and logs", async () => {
    const id = await create();
    await client.send(id, "ask x");
    const asking = await client.wait(id);
    expect(asking.status).toBe("interrupted");
    const interruptId = asking.interrupts?.[0]?.interrupt_id ?? "";
    expect(await client.resume(id, interruptId, { approved: true })).toEqual({
      session_id: id,
      status: "running",
    });
    await client.wait(id);
    await expect(client.resume(id, interruptId, 2)).rejects.toMatchObject({ code: "interrupt_answered" });
    await client.send(id, "ask x");
    expect(await client.cancel(id)).toMatchObject({ status: "idle", turn: { outcome: "cancelled" } });
    await expect(client.cancel(id)).rejects.toMatchObject({ code: "session_not_running" });
    await client.send(id, "write");
    const turnId = (await client.wait(id)).turn?.turn_id ?? "";
    expect((await client.turns(id)).map(({ outcome }) => outcome)).toEqual([
      "completed",
      "cancelled",
      "completed",
    ]);
    expect(await client.turn(id, turnId)).toMatchObject({ turn_id: turnId, error: null });
    expect((await client.logs(id, turnId)).stdout.entries[0]?.text).toBe("to stdout\n");
    await expect(client.logs(id, "../x")).rejects.toMatchObject({ code: "turn_not_found" });
  });
});
