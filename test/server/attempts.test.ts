/** What a request that comes again finds when the process that began it died: what it made is not made twice. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { createApp } from "../../src/http/app.ts";
import { eventStream } from "../../src/http/event-stream.ts";
import { Motus } from "../../src/server/motus.ts";
import { resolveOptions } from "../../src/server/options.ts";

const folder = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));
const again = (id: string) => ({ id, isRepeated: true });
const hello = { role: "user", content: "hello" } as const;

let motus: Motus;
beforeAll(async () => {
  motus = new Motus("echo.ts:agent", resolveOptions({ folder, standby: 0, compile: false }), process.env);
  await motus.start();
});
afterAll(() => motus.close(AbortSignal.abort()));

describe("a repeated attempt", () => {
  test("to make a session finds the one that it made, or makes it", async () => {
    const id = crypto.randomUUID();
    const made = await motus.createSession({ attempt: again(id), metadata: { a: 1 } });
    expect(made.sessionId).toBe(id);
    expect(await motus.createSession({ attempt: again(id), metadata: { a: 1 } })).toEqual(made);
    expect((await motus.listSessions({})).filter(({ sessionId }) => sessionId === id)).toHaveLength(1);
  });

  test("to send a message finds the turn that it started, or starts it", async () => {
    const { sessionId } = await motus.createSession({});
    const id = crypto.randomUUID();
    expect(await motus.send(sessionId, hello, null, again(id))).toBe(id);
    expect(await motus.send(sessionId, hello, null, again(id))).toBe(id);
    await motus.waitForSession(sessionId, {});
    await motus.send(sessionId, hello, null);
    await motus.waitForSession(sessionId, {});
    expect(await motus.send(sessionId, hello, null, again(id))).toBe(id);
    expect(await motus.turns(sessionId)).toHaveLength(2);
    await expect(motus.send(crypto.randomUUID(), hello, null, again(id))).rejects.toMatchObject({
      code: "session_not_found",
    });
  });
});

describe("a stream of a turn that may have ended", () => {
  test("ends with the session as it is when the turn's end is not held", async () => {
    const { sessionId } = await motus.createSession({});
    const turnId = await motus.send(sessionId, hello, null);
    await motus.waitForSession(sessionId, {});
    const after = (await motus.events(sessionId, 0, 0)).lastSeq;
    const signal = new AbortController().signal;
    const stream = eventStream(motus, { sessionId, turnId, after, mayHaveEnded: true, signal });
    expect((await stream.text()).match(/^event: .*$/gm)).toEqual(["event: reset"]);
  });
});

describe("a request whose answer was not kept", () => {
  test.each(["the process died", "the store failed"])(
    "because %s is answered when it comes again, as if it had come once",
    async (why) => {
      const app = createApp(motus);
      const key = crypto.randomUUID();
      const post = (path: string, body: object, accept = "application/json") =>
        app.handle(
          new Request(`http://localhost${path}`, {
            method: "POST",
            body: JSON.stringify(body),
            headers: { "content-type": "application/json", "idempotency-key": key, accept },
          }),
        );
      const before = await motus.health();
      // What was asked for is done, and its answer does not reach the store.
      const { complete } = motus.idempotency;
      const isDead = why === "the process died";
      motus.idempotency.complete = async () => {
        if (!isDead) throw new Error("The disk is full");
      };
      const made = await post("/sessions", {});
      expect(made.status).toBe(isDead ? 201 : 500);
      const [session] = (await motus.listSessions({})).slice(-1);
      const sessionId = session?.sessionId as string;
      const path = `/sessions/${sessionId}/messages`;
      expect((await post(path, { content: "hi" })).status).toBe(isDead ? 202 : 500);
      const { receipt } = await motus.waitForSession(sessionId, {});
      motus.idempotency.complete = complete;
      if (isDead) await motus.idempotency.recover();

      expect(await (await post("/sessions", {})).json()).toMatchObject({ session_id: sessionId });
      const stream = await post(path, { content: "hi" }, "text/event-stream");
      const text = await stream.text();
      expect(text).toContain(`"turn_id":"${receipt?.turn_id}"`);
      expect(text.match(/^event: .*$/gm)).toEqual(["event: turn-start", "event: turn-end"]);
      expect(await motus.turns(sessionId)).toHaveLength(1);
      expect((await motus.health()).total_sessions).toBe(before.total_sessions + 1);
    },
  );
});
