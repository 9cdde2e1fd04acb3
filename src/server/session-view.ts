/** Sessions as the API shows them. */
import type { SessionSummary, SessionView } from "../protocol/session.ts";
import type { Session } from "../session/session.ts";

export function sessionView(session: Session): SessionView {
  return {
    session_id: session.sessionId,
    status: session.status,
    response: session.status === "idle" && session.response !== null ? JSON.parse(session.response) : null,
    error: session.status === "running" ? null : session.error,
    interrupts: null,
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

function bookkeeping({ metadata, createdAt, updatedAt }: Session) {
  return {
    metadata,
    created_at: new Date(createdAt).toISOString(),
    updated_at: new Date(updatedAt).toISOString(),
  };
}
