/** Who makes a request. The door says it once (door.ts); the routes ask here. */
import type { Motus } from "../../server/motus.ts";
import { type Sessions, sessionsOf } from "../../server/owned-sessions.ts";

export interface Caller {
  /** Tells callers apart: limits and idempotency keys are counted by it. Never a token. */
  readonly id: string;
  /** Whose sessions it makes and sees; null: it sees all, and what it makes is nobody's. */
  readonly owner: string | null;
}

/** Whoever calls a server that asks for no token. */
export const anyone: Caller = { id: "anyone", owner: null };

const callers = new WeakMap<Request, Caller>();

export function admit(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

export function callerOf(request: Request): Caller {
  const caller = callers.get(request);
  // A route that no door stands before is a mistake of ours, and must not be answered as if anyone might.
  if (caller === undefined) throw new Error("A request came by the door");
  return caller;
}

/** The sessions that the caller of a request may see. */
export function sessionsFor(motus: Motus, request: Request): Sessions {
  return sessionsOf(motus, callerOf(request).owner);
}
