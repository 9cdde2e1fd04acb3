/** What the endurance tests do with sessions, and what they expect of a server that has come to rest. */
import { expect } from "bun:test";
import type { SessionView } from "motus-serve";
import { descendants, isAlive } from "../helpers/processes.ts";
import type { Answer, TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

export interface Question {
  sessionId: string;
  interruptId: string;
}

/** Sends a message and returns the turn's id. */
export async function say(server: TestServer, sessionId: string, content: string): Promise<string> {
  const { status, body } = await server.request("POST", `/sessions/${sessionId}/messages`, { content });
  if (status !== 202) throw new Error(`The message was answered with ${status}: ${JSON.stringify(body)}`);
  return body.turn_id;
}

/** The session as it is. */
export async function sessionOf(server: TestServer, sessionId: string): Promise<SessionView> {
  return (await server.request("GET", `/sessions/${sessionId}`)).body;
}

/** The session when its turn has ended or asks. */
export async function settled(server: TestServer, sessionId: string): Promise<SessionView> {
  return (await server.request("GET", `/sessions/${sessionId}?wait=true`)).body;
}

/** The session when its turn has ended. */
export async function ended(server: TestServer, sessionId: string): Promise<SessionView> {
  await until(`session ${sessionId} has ended its turn`, async () =>
    ["idle", "error"].includes((await settled(server, sessionId)).status),
  );
  return sessionOf(server, sessionId);
}

/** Starts a turn that asks, and resolves when its question is there. */
export async function ask(server: TestServer, sessionId: string): Promise<Question> {
  await say(server, sessionId, "ask");
  const { interrupts } = await settled(server, sessionId);
  expect(interrupts).toHaveLength(1);
  return { sessionId, interruptId: interrupts![0]!.interrupt_id };
}

export function answer(server: TestServer, question: Question, value: unknown): Promise<Answer> {
  const { sessionId, interruptId } = question;
  return server.request("POST", `/sessions/${sessionId}/resume`, { interrupt_id: interruptId, value });
}

/** The worker processes below this one that live. */
export function workers(): number[] {
  return descendants(process.pid).filter(isAlive);
}

/**
 * Nothing is left of any turn: no slot is held, nobody waits, every session can be used, no process lives, and the
 * server has nothing to wait for when it stops.
 */
export async function expectRest(server: TestServer, workersBefore: number): Promise<void> {
  const atRest = { running_workers: 0, queued_turns: 0, interrupted_turns: 0 };
  await until("no turn is left", async () => {
    const { body } = await server.request("GET", "/health");
    return Object.entries(atRest).every(([name, value]) => body[name] === value);
  });
  const { body: sessions } = await server.request("GET", "/sessions");
  for (const { session_id, status } of sessions) {
    expect(["idle", "error"]).toContain(status);
    const { response, error } = await server.turn(session_id, "hello");
    // With a timeout of milliseconds a turn may end by it; the session has taken it all the same.
    expect(response?.content ?? error).toBeOneOf(["here", "Agent timed out"]);
  }
  await until("no worker is left", () => workers().length <= workersBefore);
  const stopping = performance.now();
  await server.server.stop();
  expect(performance.now() - stopping).toBeLessThan(5_000);
}
