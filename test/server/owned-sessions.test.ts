/** What a caller holds on to while its session is replaced by one of another owner under the same id. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { eventStream } from "../../src/http/event-stream.ts";
import { Motus } from "../../src/server/motus.ts";
import { resolveOptions } from "../../src/server/options.ts";
import { sessionsOf } from "../../src/server/owned-sessions.ts";

const folder = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));
const sessionId = "7f3e2c1a-4b5d-4e6f-8a9b-0c1d2e3f4a5b";

let motus: Motus;
beforeAll(async () => {
  motus = new Motus("live.ts:agent", resolveOptions({ folder, standby: 0, compile: false }), process.env);
  await motus.start();
});
afterAll(() => motus.close(AbortSignal.abort()));

describe("the sessions of an owner", () => {
  const [ada, bob] = ["ada", "bob"] as const;
  const turn = async (owner: string, content: string) => {
    const sessions = sessionsOf(motus, owner);
    await sessions.send(sessionId, { role: "user", content }, null);
    return sessions.waitForSession(sessionId, {});
  };
  const replace = async () => {
    await sessionsOf(motus, ada).deleteSession(sessionId);
    await sessionsOf(motus, bob).createSession({ sessionId, metadata: { of: "bob" } });
    // With more events than hers had, so that her place is one of his too.
    await turn(bob, "count 300");
  };

  test("end a stream that was not read while its session was replaced", async () => {
    const sessions = sessionsOf(motus, ada);
    await sessions.createSession({ sessionId });
    await turn(ada, "all");
    const stream = eventStream(sessions, { sessionId, after: 0, signal: new AbortController().signal });
    const reader = (stream.body as ReadableStream<Uint8Array>).getReader();
    const next = async () => new TextDecoder().decode((await reader.read()).value);
    expect(await next()).toContain(": open");
    expect(await next()).toContain('"turn-end"');
    await replace();
    expect(await reader.read()).toEqual({ value: undefined, done: true });
    await sessionsOf(motus, bob).deleteSession(sessionId);
  });

  test("hold nothing of the session that has taken its place", async () => {
    await sessionsOf(motus, ada).createSession({ sessionId });
    await replace();
    const hers = sessionsOf(motus, ada);
    const turnId = (await sessionsOf(motus, bob).getSession(sessionId)).receipt?.turn_id as string;
    for (const reading of [
      () => hers.getSession(sessionId),
      () => hers.waitForSession(sessionId, {}),
      () => hers.messages(sessionId),
      () => hers.events(sessionId, 0, 10),
      () => hers.turns(sessionId),
      () => hers.turn(sessionId, turnId),
      () => hers.logs(sessionId, turnId),
      () => hers.setMetadata(sessionId, { of: "ada" }),
      () => hers.send(sessionId, { role: "user", content: "x" }, null),
      () => hers.cancel(sessionId),
      () => hers.resume(sessionId, "x", 1),
      () => hers.deleteSession(sessionId),
    ]) {
      const { code } = await reading().then(
        () => ({ code: "answered" }),
        (error: { code: string }) => error,
      );
      expect([reading.toString(), code]).toEqual([reading.toString(), "session_not_found"]);
    }
    expect(await hers.listSessions({})).toEqual([]);
    expect(await motus.getSession(sessionId)).toMatchObject({ owner: "bob", metadata: { of: "bob" } });
  });
});
