/** What every TurnQueue must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { TurnReference } from "../../src/session/session-store.ts";
import type { Slot, TurnQueue } from "../../src/session/turn-queue.ts";
import { until } from "../helpers/until.ts";

const turn = (name: string): TurnReference => ({ sessionId: `session-${name}`, turnId: name });

export function turnQueueContract(name: string, open: () => Promise<TurnQueue>): void {
  /** Consumes with turns that run until they are told to end. */
  const consume = (queue: TurnQueue, slots: number) => {
    const started: string[] = [];
    const ends = new Map<string, PromiseWithResolvers<void>>();
    queue.consume(slots, ({ turnId }) => {
      started.push(turnId);
      const end = Promise.withResolvers<void>();
      ends.set(turnId, end);
      return end.promise;
    });
    return {
      started,
      end: (turnId: string) => ends.get(turnId)?.resolve(),
      fail: (turnId: string) => ends.get(turnId)?.reject(new Error("x")),
    };
  };

  describe(`${name} (TurnQueue)`, () => {
    test("runs turns first come, first served, as many at once as there are slots", async () => {
      const queue = await open();
      const { started, end } = consume(queue, 2);
      for (const id of ["a", "b", "c", "d"]) await queue.push(turn(id));
      await until("two run", () => started.length === 2);
      expect(started).toEqual(["a", "b"]);
      expect([queue.running, queue.waiting]).toEqual([2, 2]);
      end("b");
      await until("the third runs", () => started.length === 3);
      expect(started).toEqual(["a", "b", "c"]);
      for (const id of ["a", "c"]) end(id);
      await until("the fourth runs", () => started.length === 4);
      end("d");
      await until("all have ended", () => queue.running === 0);
      expect(queue.waiting).toBe(0);
    });

    test("keeps turns that come before it consumes", async () => {
      const queue = await open();
      await queue.push(turn("early"));
      expect([queue.running, queue.waiting]).toEqual([0, 1]);
      const { started, end } = consume(queue, 1);
      await until("it runs", () => started.length === 1);
      end("early");
    });

    test("frees the slot of a turn whose run rejects", async () => {
      const queue = await open();
      const { started, fail } = consume(queue, 1);
      await queue.push(turn("a"));
      await queue.push(turn("b"));
      fail("a");
      await until("the next runs", () => started.includes("b"));
      fail("b");
    });

    test("drops a turn that waits, and none that runs", async () => {
      const queue = await open();
      const { started, end } = consume(queue, 1);
      for (const id of ["a", "b", "c"]) await queue.push(turn(id));
      await until("the first runs", () => started.length === 1);
      expect(await queue.drop(turn("b"))).toBe(true);
      expect(await queue.drop(turn("b"))).toBe(false);
      expect(await queue.drop(turn("a"))).toBe(false);
      end("a");
      await until("the last runs", () => started.length === 2);
      expect(started).toEqual(["a", "c"]);
      end("c");
    });

    test("lets another turn run while one has given up its slot, and gives it one again before turns that wait", async () => {
      const queue = await open();
      const started: string[] = [];
      const slots = new Map<string, Slot>();
      const ends = new Map<string, () => void>();
      queue.consume(1, ({ turnId }, slot) => {
        started.push(turnId);
        slots.set(turnId, slot);
        return new Promise((resolve) => ends.set(turnId, resolve));
      });
      for (const id of ["a", "b", "c"]) await queue.push(turn(id));
      await until("the first runs", () => started.length === 1);
      slots.get("a")?.release();
      slots.get("a")?.release();
      await until("the second runs", () => started.length === 2);
      expect([queue.running, queue.waiting]).toEqual([1, 1]);

      const back = slots.get("a")?.acquire(new AbortController().signal);
      expect([queue.running, queue.waiting]).toEqual([1, 2]);
      ends.get("b")?.();
      expect(await back).toBe(true);
      expect(started).toEqual(["a", "b"]);
      expect(await slots.get("a")?.acquire(new AbortController().signal)).toBe(true);
      ends.get("a")?.();
      await until("the last runs", () => started.length === 3);
      ends.get("c")?.();
      await until("all have ended", () => queue.running === 0);
    });

    test("forgets a turn that no longer wants its slot back", async () => {
      const queue = await open();
      const slots = new Map<string, Slot>();
      const ends = new Map<string, () => void>();
      queue.consume(1, ({ turnId }, slot) => {
        slots.set(turnId, slot);
        return new Promise((resolve) => ends.set(turnId, resolve));
      });
      await queue.push(turn("a"));
      await queue.push(turn("b"));
      await until("the first runs", () => slots.size === 1);
      slots.get("a")?.release();
      await until("the second runs", () => slots.size === 2);
      const gone = new AbortController();
      const back = slots.get("a")?.acquire(gone.signal);
      gone.abort();
      expect(await back).toBe(false);
      expect(await slots.get("a")?.acquire(gone.signal)).toBe(false);
      expect([queue.running, queue.waiting]).toEqual([1, 0]);
      for (const end of ends.values()) end();
      await until("all have ended", () => queue.running === 0);
    });

    test("does not queue a turn twice", async () => {
      const queue = await open();
      await queue.push(turn("a"));
      await queue.push(turn("a"));
      expect(queue.waiting).toBe(1);
    });
  });
}
