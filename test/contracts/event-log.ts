/** What every EventLog must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { EventLog, NewEvent } from "../../src/session/event-log.ts";

type Open = (bounds: { maxEvents: number; maxCharacters: number }) => Promise<EventLog>;

const event = (name: string): NewEvent => ({
  turnId: "t",
  type: "text-delta",
  fields: JSON.stringify({ delta: name }).slice(1),
});

export function eventLogContract(name: string, open: Open): void {
  const openLarge = () => open({ maxEvents: 100, maxCharacters: 100_000 });
  const read = async (log: EventLog, after: number, limit = 1_000) => {
    const { events, gap } = await log.read("s", after, limit);
    return { events: events.map(({ json }) => JSON.parse(json)), gap };
  };

  describe(`${name} (EventLog)`, () => {
    test("numbers the events of each session from one, in their order", async () => {
      const log = await openLarge();
      await log.append("s", [event("a"), event("b")]);
      await log.append("other", [event("x")]);
      await log.append("s", [event("c")]);
      expect(await read(log, 0)).toEqual({
        events: [
          { seq: 1, delta: "a" },
          { seq: 2, delta: "b" },
          { seq: 3, delta: "c" },
        ],
        gap: false,
      });
      expect((await log.read("other", 0, 10)).events.map(({ seq }) => seq)).toEqual([1]);
    });

    test("reads what follows a number", async () => {
      const log = await openLarge();
      await log.append("s", [event("a"), event("b"), event("c")]);
      expect(await read(log, 2)).toEqual({ events: [{ seq: 3, delta: "c" }], gap: false });
      expect(await read(log, 3)).toEqual({ events: [], gap: false });
    });

    test("reads no more at once than is asked for, and says which event is the last", async () => {
      const log = await openLarge();
      await log.append("s", [event("a"), event("b"), event("c")]);
      expect(await log.read("s", 1, 1)).toEqual({
        events: [{ turnId: "t", type: "text-delta", seq: 2, json: '{"seq":2,"delta":"b"}' }],
        lastSeq: 3,
        gap: false,
      });
      expect(await log.read("s", 0, 0)).toEqual({ events: [], lastSeq: 3, gap: false });
      expect(await log.read("nowhere", 0, 0)).toEqual({ events: [], lastSeq: 0, gap: false });
    });

    test("holds the last events of ten thousand, whatever was dropped before", async () => {
      const log = await open({ maxEvents: 7, maxCharacters: 100_000 });
      for (let i = 1; i <= 10_000; i++) await log.append("s", [event(String(i))]);
      const { events, gap } = await read(log, 9_993);
      expect(gap).toBe(false);
      expect(events.map(({ delta }) => delta)).toEqual([
        "9994",
        "9995",
        "9996",
        "9997",
        "9998",
        "9999",
        "10000",
      ]);
      expect((await read(log, 9_992)).gap).toBe(true);
    });

    test("tells a reader whose place is not held (any more)", async () => {
      const log = await open({ maxEvents: 2, maxCharacters: 100_000 });
      expect(await read(log, 0)).toEqual({ events: [], gap: false });
      expect(await read(log, 5)).toEqual({ events: [], gap: true });
      await log.append("s", [event("a"), event("b"), event("c")]);
      expect(await read(log, 0)).toEqual({ events: [], gap: true });
      expect((await read(log, 1)).events).toHaveLength(2);
      expect(await read(log, 9)).toEqual({ events: [], gap: true });
    });

    test("is bounded by size", async () => {
      const log = await open({ maxEvents: 100, maxCharacters: 50 });
      await log.append("s", [event("a"), event("b"), event("c")]);
      const { events } = await log.read("s", 1, 10);
      expect(events.map(({ seq }) => seq)).toEqual([2, 3]);
    });

    test("forgets a session that is removed", async () => {
      const log = await openLarge();
      await log.append("s", [event("a")]);
      await log.remove("s");
      expect(await read(log, 0)).toEqual({ events: [], gap: false });
    });
  });
}
