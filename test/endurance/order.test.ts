import { describe, expect, test } from "bun:test";
import { startServer } from "../helpers/start-server.ts";
import { type ReadEvent, readEvents } from "./event-reader.ts";
import { say } from "./sessions.ts";

const count = 10_000;

/** Reads one turn to its end, with a new connection after so many events; 0 for one connection. */
async function readTurn(url: string, sessionId: string, reconnectEvery = 0) {
  const events: ReadEvent[] = [];
  let connections = 0;
  for (; connections < 2 * count && events.at(-1)?.type !== "turn-end"; connections += 1) {
    const after = events.at(-1)?.id;
    for await (const event of readEvents(url, sessionId, after === undefined ? {} : { after })) {
      events.push(event);
      if (event.type === "turn-end" || (reconnectEvery > 0 && events.length % reconnectEvery === 0)) break;
    }
  }
  return { events, connections };
}

function expectWhole(events: readonly ReadEvent[]): void {
  expect(events.map(({ id }) => id)).toEqual(events.map((_, index) => index + 1));
  expect(events.map(({ data }) => data.seq)).toEqual(events.map((_, index) => index + 1));
  expect(events[0]?.type).toBe("turn-start");
  const deltas = events.filter(({ type }) => type === "text-delta").map(({ data }) => data.delta);
  expect(deltas).toEqual(Array.from({ length: count }, (_, number) => `${number}`));
  expect(events.at(-1)).toMatchObject({ type: "turn-end", data: { outcome: "completed" } });
  expect(events).toHaveLength(count + 2);
}

describe("ten thousand deltas in one turn", () => {
  test("come to three readers in order, none lost, none twice, one of them reconnecting every hundred", async () => {
    await using server = await startServer("endure-agent.ts:agent", { standby: 1 });
    const id = await server.createSession();
    const readers = [readTurn(server.url, id), readTurn(server.url, id), readTurn(server.url, id, 100)];
    await say(server, id, `deltas ${count}`);
    const [first, second, restless] = await Promise.all(readers);
    for (const reader of [first, second, restless]) expectWhole(reader!.events);
    expect(first?.connections).toBe(1);
    expect(restless?.connections).toBe(101);
    const [late] = [await readTurn(server.url, id)];
    expectWhole(late.events);
  }, 30_000);

  test("come in order when sixteen turns say them at once", async () => {
    await using server = await startServer("endure-agent.ts:agent", { workers: 16 });
    const ids = await Promise.all(Array.from({ length: 16 }, () => server.createSession()));
    const readers = ids.map((id) => readTurn(server.url, id));
    for (const id of ids) await say(server, id, `deltas ${count}`);
    for (const { events, connections } of await Promise.all(readers)) {
      expectWhole(events);
      expect(connections).toBe(1);
    }
  }, 60_000);
});
