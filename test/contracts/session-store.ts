/** What every SessionStore must do; run for each implementation. */
import { describe, expect, test } from "bun:test";
import type { Interrupt } from "../../src/protocol/interrupt.ts";
import type { Receipt, TurnLogs } from "../../src/protocol/session.ts";
import type { AcceptedTurn, Finish, SessionStore } from "../../src/session/session-store.ts";
import { stateOf } from "../../src/session/state-text.ts";

type Open = (options: { maxSessions?: number }) => Promise<SessionStore>;

const stream = { entries: [], total_bytes: 0, cut_bytes: 0 };
const logs: TurnLogs = { turn_id: "t", stdout: stream, stderr: stream };
const text = (content: string) => JSON.stringify({ role: "user", content });

export function sessionStoreContract(name: string, open: Open): void {
  const create = async (store: SessionStore, state: string[] = [], at = 1_000) => {
    const session = await store.create({ sessionId: crypto.randomUUID(), state, metadata: {}, at });
    if (typeof session === "string") throw new Error(session);
    return session.sessionId;
  };
  const accept = async (store: SessionStore, sessionId: string, acceptedAt = 2_000) => {
    const turn: AcceptedTurn = {
      sessionId,
      turnId: crypto.randomUUID(),
      message: text("hi"),
      webhook: null,
      acceptedAt,
    };
    return { turn, answer: await store.accept(turn) };
  };
  const ended = (turn: AcceptedTurn, outcome: Receipt["outcome"], at: number) => ({
    sessionId: turn.sessionId,
    turnId: turn.turnId,
    at,
    record: { receipt: { turn_id: turn.turnId, outcome } as Receipt, error: null, stack: null, logs },
  });
  const complete = (turn: AcceptedTurn, keep: number, append: string[], at = 3_000): Finish => ({
    ...ended(turn, "completed", at),
    type: "complete",
    response: text("done"),
    keep,
    append,
  });

  describe(`${name} (SessionStore)`, () => {
    test("creates a session once under an id", async () => {
      const store = await open({});
      const made = {
        sessionId: "5d9c2a54-8e0f-4b6a-9c3d-000000000001",
        state: [text("a")],
        metadata: { k: [1] },
        at: 5,
      };
      expect(await store.create(made)).toMatchObject({
        sessionId: made.sessionId,
        status: "idle",
        createdAt: 5,
        updatedAt: 5,
        metadata: { k: [1] },
        totalMessages: 1,
        receipt: null,
        response: null,
        error: null,
      });
      expect(await store.create(made)).toBe("exists");
      expect(await store.count()).toBe(1);
      expect(await store.messages(made.sessionId)).toEqual([text("a")]);
    });

    test("refuses more sessions than it may hold, and has room again after a removal", async () => {
      const store = await open({ maxSessions: 2 });
      const first = await create(store);
      await create(store);
      expect(await store.create({ sessionId: crypto.randomUUID(), state: [], metadata: {}, at: 1 })).toBe(
        "full",
      );
      await store.remove(first);
      await create(store);
      expect(await store.count()).toBe(2);
    });

    test("knows nothing of a session that is not there", async () => {
      const store = await open({});
      const id = crypto.randomUUID();
      expect(await store.get(id)).toBeNull();
      expect(await store.messages(id)).toBeNull();
      expect(await store.turns(id)).toBeNull();
      expect(await store.setMetadata(id, {}, 1)).toBeNull();
      expect(await store.remove(id)).toBeNull();
      const { turn, answer } = await accept(store, id);
      expect(answer).toBe("missing");
      expect(await store.claim(turn)).toBeNull();
      expect(await store.finish(complete(turn, 0, []))).toBeNull();
    });

    test("accepts exactly one of a hundred turns at once", async () => {
      const store = await open({});
      const id = await create(store);
      const answers = await Promise.all(Array.from({ length: 100 }, () => accept(store, id)));
      expect(answers.filter(({ answer }) => answer === "accepted")).toHaveLength(1);
      expect(answers.filter(({ answer }) => answer === "running")).toHaveLength(99);
      const won = answers.find(({ answer }) => answer === "accepted");
      expect(await store.get(id)).toMatchObject({ status: "running", turnId: won?.turn.turnId as string });
    });

    test("hands out an accepted turn once", async () => {
      const store = await open({});
      const id = await create(store, [text("a")]);
      const { turn } = await accept(store, id);
      expect(await store.claim({ sessionId: id, turnId: crypto.randomUUID() })).toBeNull();
      expect(await store.claim(turn)).toEqual({ turn, state: stateOf([text("a")]) });
      expect(await store.claim(turn)).toBeNull();
    });

    test("records a completed turn: response, state, receipt", async () => {
      const store = await open({});
      const id = await create(store, [text("a"), text("b")]);
      const { turn } = await accept(store, id);
      await store.claim(turn);
      expect(await store.finish(complete(turn, 1, [text("c"), text("d")]))).toMatchObject({
        status: "idle",
        response: text("done"),
        error: null,
        totalMessages: 3,
        updatedAt: 3_000,
        receipt: { turn_id: turn.turnId, outcome: "completed" },
      });
      expect(await store.messages(id)).toEqual([text("a"), text("c"), text("d")]);
      expect(await store.turns(id)).toMatchObject([{ receipt: { turn_id: turn.turnId } }]);
    });

    test("keeps the state and takes new turns after one that did not succeed", async () => {
      const store = await open({});
      const id = await create(store, [text("a")]);
      for (const [type, outcome, status] of [
        ["fail", "crashed", "error"],
        ["cancel", "cancelled", "idle"],
      ] as const) {
        const { turn, answer } = await accept(store, id);
        expect(answer).toBe("accepted");
        await store.claim(turn);
        const finished = await store.finish({ ...ended(turn, outcome, 4_000), type, error: "why" });
        expect(finished).toMatchObject({ status, error: "why", totalMessages: 1 });
        expect(await store.messages(id)).toEqual([text("a")]);
      }
      expect(await store.turns(id)).toHaveLength(2);
    });

    test("discards the end of a turn that was fenced off", async () => {
      const store = await open({});
      const id = await create(store);
      const { turn } = await accept(store, id);
      await store.claim(turn);
      expect(
        await store.finish(complete({ ...turn, turnId: crypto.randomUUID() }, 0, [text("x")])),
      ).toBeNull();
      expect(await store.finish(complete(turn, 0, [text("y")]))).not.toBeNull();
      expect(await store.finish(complete(turn, 0, [text("z")]))).toBeNull();
      expect(await store.messages(id)).toEqual([text("y")]);
      await store.remove(id);
      expect(await store.finish(complete(turn, 0, []))).toBeNull();
    });

    test("keeps texts as they are, long ones and those of every kind of character", async () => {
      const store = await open({});
      const odd = ["", "\0", "'\";--", "ünï😀\u2028", "x".repeat(1_000_000)].map(text);
      const id = await create(store, odd);
      expect(await store.messages(id)).toEqual(odd);
      const { turn } = await accept(store, id);
      const error = "Error: a\0b 😀";
      await store.finish({ ...ended(turn, "failed", 3_000), type: "fail", error });
      expect(await store.get(id)).toMatchObject({ status: "error", error });
    });

    test("keeps all there is when it is told to keep more", async () => {
      const store = await open({});
      const id = await create(store, [text("a")]);
      const { turn } = await accept(store, id);
      expect(await store.finish(complete(turn, 5, [text("b")]))).toMatchObject({ totalMessages: 2 });
      expect(await store.messages(id)).toEqual([text("a"), text("b")]);
    });

    test("does not change messages that were read", async () => {
      const store = await open({});
      const id = await create(store, [text("a")]);
      const before = await store.messages(id);
      const { turn } = await accept(store, id);
      await store.claim(turn);
      await store.finish(complete(turn, 1, [text("b")]));
      expect(before).toEqual([text("a")]);
    });

    test("keeps the receipts of the last hundred turns", async () => {
      const store = await open({});
      const id = await create(store);
      const turnIds: string[] = [];
      for (let i = 0; i < 103; i++) {
        const { turn } = await accept(store, id);
        turnIds.push(turn.turnId);
        await store.claim(turn);
        await store.finish(complete(turn, 0, []));
      }
      expect((await store.turns(id))?.map(({ receipt }) => receipt.turn_id)).toEqual(turnIds.slice(3));
    });

    test("keeps the logs of the last ten turns", async () => {
      const store = await open({});
      const id = await create(store);
      for (let i = 0; i < 15; i++) {
        const { turn } = await accept(store, id);
        await store.claim(turn);
        await store.finish(complete(turn, 0, []));
      }
      const kept = (await store.turns(id))?.map((turn) => turn.logs !== null);
      expect(kept).toEqual([...Array(5).fill(false), ...Array(10).fill(true)]);
    });

    describe("interrupts", () => {
      const interrupt = (interrupt_id: string): Interrupt => ({
        interrupt_id,
        type: "custom",
        payload: { a: 1 },
        created_at: "2026-11-23T08:30:00.000Z",
        expires_at: null,
      });
      const asking = async (...ids: string[]) => {
        const store = await open({});
        const id = await create(store);
        const { turn } = await accept(store, id);
        await store.claim(turn);
        for (const one of ids) await store.interrupt(turn, interrupt(one), 2_500);
        return { store, id, turn };
      };
      const answer = (sessionId: string, interruptId: string, value = "1") => ({
        sessionId,
        interruptId,
        value,
        at: 2_700,
      });

      test("are shown until each is answered, and then the turn runs again", async () => {
        const { store, id, turn } = await asking("a", "b");
        expect(await store.get(id)).toMatchObject({
          status: "interrupted",
          turnId: turn.turnId,
          interrupts: [interrupt("a"), interrupt("b")],
          updatedAt: 2_500,
        });
        expect(await store.resume(answer(id, "a"))).toMatchObject({
          status: "interrupted",
          interrupts: [interrupt("b")],
        });
        expect(await store.resume(answer(id, "b"))).toMatchObject({ status: "running", turnId: turn.turnId });
        expect(await store.finish(complete(turn, 0, []))).toMatchObject({ status: "idle" });
      });

      test("take one answer, which may be repeated", async () => {
        const { store, id } = await asking("a");
        expect(await store.resume(answer(id, "x"))).toBe("unknown");
        expect(await store.resume(answer(crypto.randomUUID(), "a"))).toBe("missing");
        const answers = await Promise.all(
          ["1", "2", "1"].map((value) => store.resume(answer(id, "a", value))),
        );
        expect(answers.map((given) => (typeof given === "string" ? given : given.status))).toEqual([
          "running",
          "conflict",
          "repeated",
        ]);
      });

      test("remember their answers until the next turn", async () => {
        const { store, id, turn } = await asking("a");
        await store.resume(answer(id, "a"));
        await store.finish(complete(turn, 0, []));
        expect(await store.resume(answer(id, "a"))).toBe("repeated");
        await accept(store, id);
        expect(await store.resume(answer(id, "a"))).toBe("unknown");
      });

      test("end with their turn, however it ends", async () => {
        const { store, id, turn } = await asking("a");
        expect((await accept(store, id)).answer).toBe("interrupted");
        expect(
          await store.finish({ ...ended(turn, "cancelled", 3_000), type: "cancel", error: "why" }),
        ).toMatchObject({ status: "idle" });
        expect(await store.resume(answer(id, "a"))).toBe("unknown");
        expect(await store.interrupt(turn, interrupt("b"), 3_500)).toBeNull();
      });

      test("keep their session from expiring", async () => {
        const { store, id } = await asking("a");
        expect(await store.expire(9_999)).toEqual([]);
        expect(await store.remove(id)).toMatchObject({ status: "interrupted" });
        expect(await store.resume(answer(id, "a"))).toBe("missing");
      });
    });

    test("lists in the order of creation, by pages and by status", async () => {
      const store = await open({});
      const ids: string[] = [];
      for (let i = 0; i < 5; i++) ids.push(await create(store));
      await accept(store, ids[1] as string);
      await accept(store, ids[3] as string);
      await store.remove(ids[2] as string);
      const list = async (query: Parameters<SessionStore["list"]>[0]) => store.list(query);
      expect((await list({})).map(({ sessionId }) => sessionId)).toEqual([
        ids[0],
        ids[1],
        ids[3],
        ids[4],
      ] as string[]);
      const page = await list({ limit: 2 });
      expect(page.map(({ sessionId }) => sessionId)).toEqual([ids[0], ids[1]] as string[]);
      const next = await list({ limit: 2, after: page[1]?.ordinal as number });
      expect(next.map(({ sessionId }) => sessionId)).toEqual([ids[3], ids[4]] as string[]);
      expect((await list({ status: "running" })).map(({ sessionId }) => sessionId)).toEqual([
        ids[1],
        ids[3],
      ] as string[]);
      expect(await list({ status: "error" })).toEqual([]);
    });

    test("keeps whose a session is, through all that happens to it, and lists by it", async () => {
      const store = await open({});
      const make = async (owner?: string | null) => {
        const sessionId = crypto.randomUUID();
        const made = { sessionId, state: [], metadata: {}, at: 1, ...(owner !== undefined && { owner }) };
        expect(await store.create(made)).toMatchObject({ owner: owner ?? null });
        return sessionId;
      };
      const [ada, bob, nobody, second] = [
        await make("ada"),
        await make("bob"),
        await make(),
        await make("ada"),
      ];
      const { turn } = await accept(store, ada);
      expect(await store.get(ada)).toMatchObject({ owner: "ada", status: "running" });
      await store.claim(turn);
      expect(await store.finish(complete(turn, 0, []))).toMatchObject({ owner: "ada", status: "idle" });
      expect(await store.setMetadata(ada, { a: 1 }, 4_000)).toMatchObject({ owner: "ada" });
      expect(await store.get(nobody)).toMatchObject({ owner: null });
      const list = async (query: Parameters<SessionStore["list"]>[0]) =>
        (await store.list(query)).map(({ sessionId }) => sessionId);
      expect(await list({ owner: "ada" })).toEqual([ada, second]);
      expect(await list({ owner: "ada", limit: 1 })).toEqual([ada]);
      expect(await list({ owner: "ada", status: "running" })).toEqual([]);
      expect(await list({ owner: "eve" })).toEqual([]);
      expect(await list({})).toEqual([ada, bob, nobody, second]);
    });

    test("keeps metadata through turns and replaces it whole", async () => {
      const store = await open({});
      const id = await create(store);
      expect(await store.setMetadata(id, { a: 1 }, 1_500)).toMatchObject({
        metadata: { a: 1 },
        updatedAt: 1_500,
      });
      const { turn } = await accept(store, id);
      expect(await store.setMetadata(id, { b: 2 }, 2_500)).toMatchObject({
        status: "running",
        metadata: { b: 2 },
      });
      await store.claim(turn);
      expect(await store.finish(complete(turn, 0, []))).toMatchObject({ metadata: { b: 2 } });
    });

    test("expires what is idle or failed for long, and never what runs", async () => {
      const store = await open({});
      const [idle, failed, running, young] = [
        await create(store),
        await create(store),
        await create(store),
        await create(store, [], 9_000),
      ];
      const { turn } = await accept(store, failed);
      await store.claim(turn);
      await store.finish({ ...ended(turn, "failed", 3_000), type: "fail", error: "why" });
      await accept(store, running);
      expect(await store.expire(1_000)).toEqual([]);
      expect((await store.expire(5_000)).sort()).toEqual([idle, failed].sort());
      expect(await store.get(idle)).toBeNull();
      expect(await store.get(running)).toMatchObject({ status: "running" });
      expect(await store.get(young)).toMatchObject({ status: "idle" });
    });

    test("removes a session and says what it was", async () => {
      const store = await open({});
      const id = await create(store);
      const { turn } = await accept(store, id);
      expect(await store.remove(id)).toMatchObject({ status: "running", turnId: turn.turnId });
      expect(await store.claim(turn)).toBeNull();
      expect(await store.count()).toBe(0);
    });
  });
}
