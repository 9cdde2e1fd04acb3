/** What every Stores must do that outlives its server; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { Interrupt } from "../../src/protocol/interrupt.ts";
import type { Receipt } from "../../src/protocol/session.ts";
import type { OutgoingWebhook } from "../../src/session/outbox.ts";
import type { AcceptedTurn, Finish } from "../../src/session/session-store.ts";
import { emptyState } from "../../src/session/state-text.ts";
import type { Stores } from "../../src/session/stores.ts";

/** Opens new stores; each call of what it returns opens them once more, as the next server does. */
type Open = () => Promise<() => Promise<Stores>>;

const text = (content: string) => JSON.stringify({ role: "user", content });
const stream = {
  entries: [{ time: "2026-11-23T08:30:00.000Z", text: "said\n" }],
  total_bytes: 5,
  cut_bytes: 0,
};
const interrupt: Interrupt = {
  interrupt_id: "i",
  type: "custom",
  payload: { a: [1] },
  created_at: "2026-11-23T08:30:00.000Z",
  expires_at: null,
};
const outgoing = (id: string): OutgoingWebhook => ({
  id,
  sessionId: "s",
  webhook: { url: "http://127.0.0.1:1/", secret: "c2VjcmV0" },
  body: `{"id":"${id}","text":"ü😀"}`,
});

export function durableStoresContract(name: string, open: Open): void {
  const create = async ({ sessions }: Stores) => {
    const session = await sessions.create({ sessionId: crypto.randomUUID(), state: [], metadata: {}, at: 1 });
    if (typeof session === "string") throw new Error(session);
    return session.sessionId;
  };
  const accept = async (stores: Stores, sessionId: string, acceptedAt = 2_000) => {
    const webhook = { url: "http://127.0.0.1:1/", token: "t" };
    const turn: AcceptedTurn = {
      sessionId,
      turnId: crypto.randomUUID(),
      message: text("hi"),
      webhook,
      acceptedAt,
    };
    expect(await stores.sessions.accept(turn)).toBe("accepted");
    return turn;
  };
  const complete = (
    { sessionId, turnId }: AcceptedTurn,
    append: string[],
    webhook: OutgoingWebhook | null = null,
  ): Finish => ({
    sessionId,
    turnId,
    at: 3_000,
    type: "complete",
    response: text("done"),
    keep: 1_000,
    append,
    webhook,
    record: {
      receipt: { turn_id: turnId, outcome: "completed", queued_ms: 0.25 } as Receipt,
      error: null,
      stack: null,
      logs: { turn_id: turnId, stdout: stream, stderr: stream },
    },
  });

  describe(`${name} (Stores)`, () => {
    test("hold what was kept in them: sessions, messages, turns and events", async () => {
      const start = await open();
      const first = await start();
      const [talked, empty] = [await create(first), await create(first)];
      for (const content of ["a", "b"]) {
        const turn = await accept(first, talked);
        await first.sessions.claim(turn);
        await first.events.append(talked, [{ turnId: turn.turnId, type: "turn-start", fields: '"x":1}' }]);
        await first.sessions.finish(complete(turn, [text(content)]));
        await first.events.append(talked, [{ turnId: turn.turnId, type: "turn-end", fields: '"x":1}' }]);
      }
      await first.sessions.setMetadata(empty, { k: { deep: [null] } }, 5);
      const all = async ({ sessions, events }: Stores) => [
        await sessions.list({}),
        await sessions.count(),
        await sessions.messages(talked),
        await sessions.turns(talked),
        await events.read(talked, 1, 10),
      ];
      const before = await all(first);
      await first.close();
      const second = await start();
      expect(await all(second)).toEqual(before);
      expect(await second.sessions.create({ sessionId: empty, state: [], metadata: {}, at: 1 })).toBe(
        "exists",
      );
      const next = await second.sessions.get(await create(second));
      expect(next?.ordinal).toBeGreaterThan((await second.sessions.get(empty))?.ordinal ?? 0);
      await second.close();
    });

    test("hand over what is under way in the order in which it was accepted, until it has ended", async () => {
      const start = await open();
      const first = await start();
      const turns: AcceptedTurn[] = [];
      for (let i = 0; i < 4; i++) turns.push(await accept(first, await create(first), 9_000 - i));
      const [running, asking, waiting, over] = turns as [
        AcceptedTurn,
        AcceptedTurn,
        AcceptedTurn,
        AcceptedTurn,
      ];
      for (const turn of [running, asking, over]) await first.sessions.claim(turn);
      await first.sessions.interrupt(asking, interrupt, 2_500);
      await first.sessions.finish(complete(over, []));
      const deleted = await accept(first, await create(first));
      await first.sessions.remove(deleted.sessionId);
      await first.close();

      const second = await start();
      const left = ({ sessionId, turnId, webhook, acceptedAt }: AcceptedTurn) => ({
        sessionId,
        turnId,
        webhook,
        acceptedAt,
      });
      expect(await second.sessions.unfinished()).toEqual([
        { ...left(running), claimedAt: expect.any(Number), isInterrupted: false },
        { ...left(asking), claimedAt: expect.any(Number), isInterrupted: true },
        { ...left(waiting), claimedAt: null, isInterrupted: false },
      ]);
      expect(await second.sessions.claim(running)).toBeNull();
      expect(await second.sessions.claim(waiting)).toEqual({ turn: waiting, state: emptyState });
      for (const turn of [running, asking, waiting])
        expect(await second.sessions.finish(complete(turn, []))).toMatchObject({ status: "idle" });
      expect(await second.sessions.unfinished()).toEqual([]);
      await second.close();
    });

    test("remember the answers to questions", async () => {
      const start = await open();
      const first = await start();
      const turn = await accept(first, await create(first));
      await first.sessions.claim(turn);
      await first.sessions.interrupt(turn, interrupt, 2_500);
      const answer = (value: string) => ({ sessionId: turn.sessionId, interruptId: "i", value, at: 2_600 });
      expect(await first.sessions.resume(answer("1"))).toMatchObject({ status: "running" });
      await first.close();
      const second = await start();
      expect(await second.sessions.resume(answer("1"))).toBe("repeated");
      expect(await second.sessions.resume(answer("2"))).toBe("conflict");
      await second.close();
    });

    test("hold webhooks until they are taken out, with their tries", async () => {
      const start = await open();
      const first = await start();
      for (const id of ["a", "b", "c"]) await first.outbox.add(outgoing(id));
      await first.outbox.postpone("a", { tries: 2, dueAt: 12_345 });
      await first.outbox.remove("b");
      await first.outbox.remove("unknown");
      await first.close();
      const second = await start();
      expect(await second.outbox.pending()).toEqual([
        { ...outgoing("a"), tries: 2, dueAt: 12_345 },
        { ...outgoing("c"), tries: 0, dueAt: expect.any(Number) },
      ]);
      await second.close();
    });

    test("take in the webhook of a turn's end with that end, and not without it", async () => {
      const stores = await (await open())();
      const turn = await accept(stores, await create(stores));
      const fenced = { ...turn, turnId: crypto.randomUUID() };
      expect(await stores.sessions.finish(complete(fenced, [], outgoing("fenced")))).toBeNull();
      expect(await stores.outbox.pending()).toEqual([]);
      expect(await stores.sessions.finish(complete(turn, [], outgoing("end")))).not.toBeNull();
      expect((await stores.outbox.pending()).map(({ id }) => id)).toEqual(["end"]);
      await stores.close();
    });

    test("know requests by their keys, and what became of them", async () => {
      const start = await open();
      const first = await start();
      const request = (key: string) => ({ key, fingerprint: "f", at: 1_000 });
      const running = await first.idempotency.begin(request("running"));
      await first.idempotency.begin(request("answered"));
      await first.idempotency.complete("answered", '{"status":201}');
      await first.close();
      const second = await start();
      await second.idempotency.recover();
      expect(await second.idempotency.begin(request("running"))).toEqual({
        ...running,
        isRepeated: true,
      } as never);
      expect(await second.idempotency.begin(request("answered"))).toEqual({
        type: "answered",
        answer: '{"status":201}',
      });
      await second.close();
    });

    test("can be written to from the start, and wait for nothing then", async () => {
      const stores = await (await open())();
      expect(stores.isDurable).toBe(true);
      expect(stores.problem).toBeUndefined();
      await stores.whenWritable(new AbortController().signal);
      await stores.close();
    });
  });
}
