/** A session and the one function through which it changes. */
import { assertNever } from "../errors.ts";
import type { Interrupt } from "../protocol/interrupt.ts";
import type { Metadata, Receipt } from "../protocol/session.ts";

export interface SessionBase {
  readonly sessionId: string;
  /** Grows with every session made; the order of lists. */
  readonly ordinal: number;
  /** Whose it is: the `sub` of the token that made it; null when nobody in particular made it. */
  readonly owner: string | null;
  readonly createdAt: number;
  /** The last activity, in milliseconds since 1970; `--ttl` counts from here. */
  readonly updatedAt: number;
  readonly metadata: Metadata;
  readonly totalMessages: number;
  /** The receipt of the last ended turn. */
  readonly receipt: Receipt | null;
}

export type Session = SessionBase &
  (
    | {
        readonly status: "idle";
        /** The last response, as JSON. */
        readonly response: string | null;
        /** Why the last turn was cancelled. */
        readonly error: string | null;
      }
    | { readonly status: "running"; readonly turnId: string }
    | {
        readonly status: "interrupted";
        readonly turnId: string;
        /** What the turn asks a person; never empty. */
        readonly interrupts: readonly Interrupt[];
      }
    | { readonly status: "error"; readonly error: string }
  );

export type Action =
  | { type: "accept"; turnId: string; at: number }
  | { type: "interrupt"; turnId: string; at: number; interrupt: Interrupt }
  | { type: "resume"; interruptId: string; at: number }
  | {
      type: "complete";
      turnId: string;
      at: number;
      response: string;
      totalMessages: number;
      receipt: Receipt;
    }
  | { type: "cancel"; turnId: string; at: number; error: string; receipt: Receipt }
  | { type: "fail"; turnId: string; at: number; error: string; receipt: Receipt }
  | { type: "describe"; at: number; metadata: Metadata };

/** The session after an action; null when the action is not possible in its state, and changes nothing. */
export function transition(session: Session, action: Action): Session | null {
  switch (action.type) {
    case "accept":
      if (isUnderWay(session)) return null;
      return { ...common(session, action.at), status: "running", turnId: action.turnId };
    case "interrupt": {
      if (!runs(session, action.turnId)) return null;
      const interrupts = [...pending(session), action.interrupt];
      return { ...common(session, action.at), status: "interrupted", turnId: action.turnId, interrupts };
    }
    case "resume": {
      if (session.status !== "interrupted") return null;
      const { turnId } = session;
      const interrupts = session.interrupts.filter(({ interrupt_id }) => interrupt_id !== action.interruptId);
      if (interrupts.length === session.interrupts.length) return null;
      const base = common(session, action.at);
      if (interrupts.length === 0) return { ...base, status: "running", turnId };
      return { ...base, status: "interrupted", turnId, interrupts };
    }
    case "complete":
      if (!runs(session, action.turnId)) return null;
      return {
        ...common(session, action.at),
        totalMessages: action.totalMessages,
        receipt: action.receipt,
        status: "idle",
        response: action.response,
        error: null,
      };
    case "cancel":
      if (!runs(session, action.turnId)) return null;
      return {
        ...common(session, action.at),
        receipt: action.receipt,
        status: "idle",
        response: null,
        error: action.error,
      };
    case "fail":
      if (!runs(session, action.turnId)) return null;
      return { ...common(session, action.at), receipt: action.receipt, status: "error", error: action.error };
    case "describe":
      return { ...session, metadata: action.metadata, updatedAt: action.at };
    default:
      return assertNever(action);
  }
}

/** Whether a turn of the session is queued, runs or waits for a person. */
export function isUnderWay(session: Session): session is Extract<Session, { turnId: string }> {
  return session.status === "running" || session.status === "interrupted";
}

/** What the session's turn asks a person. */
export function pending(session: Session): readonly Interrupt[] {
  return session.status === "interrupted" ? session.interrupts : [];
}

function runs(session: Session, turnId: string): boolean {
  return isUnderWay(session) && session.turnId === turnId;
}

/** What every case has, so that nothing of an old case is carried into a new one. */
function common(session: Session, updatedAt: number): SessionBase {
  const { sessionId, ordinal, owner, createdAt, metadata, totalMessages, receipt } = session;
  return { sessionId, ordinal, owner, createdAt, updatedAt, metadata, totalMessages, receipt };
}
