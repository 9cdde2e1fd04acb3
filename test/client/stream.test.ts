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
