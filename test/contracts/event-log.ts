/** What every EventLog must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { EventLog } from "../../src/session/event-log.ts";

type Open = (bounds: { maxEvents: number; maxCharacters: number }) => Promise<EventLog>;

const event = (name: string) => JSON.stringify({ type: name });

export function eventLogContract(name: string, open: Open): void {
  const openLarge = () => open({ maxEvents: 100, maxCharacters: 100_000 });
  const read = async (log: EventLog, after: number) => {
    const { events, gap } = await log.read("s", after);
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
          { seq: 1, type: "a" },
          { seq: 2, type: "b" },
          { seq: 3, type: "c" },
        ],
        gap: false,
      });
      expect((await log.read("other", 0)).events.map(({ seq }) => seq)).toEqual([1]);
    });

    test("reads what follows a number", async () => {
      const log = await openLarge();
      await log.append("s", [event("a"), event("b"), event("c")]);
      expect(await read(log, 2)).toEqual({ events: [{ seq: 3, type: "c" }], gap: false });
      expect(await read(log, 3)).toEqual({ events: [], gap: false });
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
      const log = await open({ maxEvents: 100, maxCharacters: 60 });
      await log.append("s", [event("a"), event("b"), event("c")]);
      const { events } = await log.read("s", 1);
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
