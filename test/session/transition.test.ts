import { describe, expect, test } from "bun:test";
import type { Receipt } from "../../src/protocol/session.ts";
import { type Action, type Session, transition } from "../../src/session/session.ts";

const base = {
  sessionId: "s",
  ordinal: 1,
  createdAt: 1,
  updatedAt: 1,
  metadata: { a: 1 },
  totalMessages: 2,
  receipt: null,
};
const states: Record<string, Session> = {
  idle: { ...base, status: "idle", response: '"r"', error: null },
  running: { ...base, status: "running", turnId: "t" },
  error: { ...base, status: "error", error: "e" },
};
const receipt = { turn_id: "t" } as Receipt;
const actions: Record<string, Action> = {
  accept: { type: "accept", turnId: "t2", at: 9 },
  complete: { type: "complete", turnId: "t", at: 9, response: '"new"', totalMessages: 4, receipt },
  cancel: { type: "cancel", turnId: "t", at: 9, error: "Turn cancelled", receipt },
  fail: { type: "fail", turnId: "t", at: 9, error: "boom", receipt },
  "complete another turn": { type: "complete", turnId: "x", at: 9, response: "1", totalMessages: 4, receipt },
  "cancel another turn": { type: "cancel", turnId: "x", at: 9, error: "Turn cancelled", receipt },
  "fail another turn": { type: "fail", turnId: "x", at: 9, error: "boom", receipt },
  describe: { type: "describe", at: 9, metadata: { b: 2 } },
};
const at = { ...base, updatedAt: 9 };
const running = { ...at, status: "running", turnId: "t2" };
const ended = { ...at, receipt };

/** What comes of each action in each state; what is not named here is refused. */
const table: Record<string, Record<string, object>> = {
  idle: { accept: running, describe: { ...states.idle, updatedAt: 9, metadata: { b: 2 } } },
  running: {
    complete: { ...ended, totalMessages: 4, status: "idle", response: '"new"', error: null },
    cancel: { ...ended, status: "idle", response: null, error: "Turn cancelled" },
    fail: { ...ended, status: "error", error: "boom" },
    describe: { ...states.running, updatedAt: 9, metadata: { b: 2 } },
  },
  error: { accept: running, describe: { ...states.error, updatedAt: 9, metadata: { b: 2 } } },
};

for (const [status, session] of Object.entries(states)) {
  describe(`transition() of a session that is ${status}`, () => {
    for (const [name, action] of Object.entries(actions)) {
      const expected = table[status]?.[name] ?? null;
      test(`${name}: ${expected === null ? "refused" : "done"}`, () => {
        const before = structuredClone(session);
        expect(transition(session, action) as object | null).toEqual(expected);
        expect(session).toEqual(before);
      });
    }
  });
}
