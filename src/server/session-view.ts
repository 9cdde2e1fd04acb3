/** Sessions as the API shows them. */
import type { SessionSummary, SessionView, TurnView } from "../protocol/session.ts";
import { isUnderWay, type Session } from "../session/session.ts";
import type { TurnRecord } from "../session/session-store.ts";

export function sessionView(session: Session): SessionView {
  return {
    session_id: session.sessionId,
    status: session.status,
    response: session.status === "idle" && session.response !== null ? JSON.parse(session.response) : null,
    error: isUnderWay(session) ? null : session.error,
    interrupts: session.status === "interrupted" ? [...session.interrupts] : null,
    turn: session.receipt,
    ...bookkeeping(session),
  };
}

export function sessionSummary(session: Session): SessionSummary {
  return {
    session_id: session.sessionId,
    total_messages: session.totalMessages,
    status: session.status,
    ...bookkeeping(session),
  };
}

export function turnView({ receipt, error, stack }: TurnRecord): TurnView {
  return { ...receipt, error, stack };
}

function bookkeeping({ metadata, createdAt, updatedAt }: Session) {
  return {
    metadata,
    created_at: new Date(createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
  };
}
