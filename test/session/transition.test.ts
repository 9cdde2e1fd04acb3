import { describe, expect, test } from "bun:test";
import type { Interrupt } from "../../src/protocol/interrupt.ts";
import type { Receipt } from "../../src/protocol/session.ts";
import { type Action, type Session, transition } from "../../src/session/session.ts";

const base = {
  sessionId: "s",
  ordinal: 1,
  owner: "ada",
  createdAt: 1,
  updatedAt: 1,
  metadata: { a: 1 },
  totalMessages: 2,
  receipt: null,
};
function interrupt(interrupt_id: string): Interrupt {
  return { interrupt_id, type: "custom", payload: 1, created_at: "", expires_at: null };
}
const states: Record<string, Session> = {
  idle: { ...base, status: "idle", response: '"r"', error: null },
  running: { ...base, status: "running", turnId: "t" },
  interrupted: { ...base, status: "interrupted", turnId: "t", interrupts: [interrupt("a")] },
  "interrupted twice": {
    ...base,
    status: "interrupted",
    turnId: "t",
    interrupts: [interrupt("a"), interrupt("b")],
  },
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
  interrupt: { type: "interrupt", turnId: "t", at: 9, interrupt: interrupt("c") },
  "interrupt another turn": { type: "interrupt", turnId: "x", at: 9, interrupt: interrupt("c") },
  resume: { type: "resume", interruptId: "a", at: 9 },
  "resume what is not asked": { type: "resume", interruptId: "x", at: 9 },
};
const at = { ...base, updatedAt: 9 };
const running = { ...at, status: "running", turnId: "t2" };
const ended = { ...at, receipt };
const ends = {
  complete: { ...ended, totalMessages: 4, status: "idle", response: '"new"', error: null },
  cancel: { ...ended, status: "idle", response: null, error: "Turn cancelled" },
  fail: { ...ended, status: "error", error: "boom" },
};
const described = (name: string) => ({ ...states[name], updatedAt: 9, metadata: { b: 2 } });
const asks = (...ids: string[]) => ({
  ...at,
  status: "interrupted",
  turnId: "t",
  interrupts: ids.map(interrupt),
});

/** What comes of each action in each state; what is not named here is refused. */
const table: Record<string, Record<string, object>> = {
  idle: { accept: running, describe: described("idle") },
  running: { ...ends, interrupt: asks("c"), describe: described("running") },
  interrupted: {
    ...ends,
    interrupt: asks("a", "c"),
    resume: { ...at, status: "running", turnId: "t" },
    describe: described("interrupted"),
  },
  "interrupted twice": {
    ...ends,
    interrupt: asks("a", "b", "c"),
    resume: asks("b"),
    describe: described("interrupted twice"),
  },
  error: { accept: running, describe: described("error") },
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
