/** A session as a row, and back. */
import { assertNever } from "../../errors.ts";
import type { SessionStatus } from "../../protocol/session.ts";
import type { Session, SessionBase } from "../session.ts";

export interface SessionRow {
  ordinal: number;
  session_id: string;
  owner: string | null;
  status: SessionStatus;
  created_at: number;
  updated_at: number;
  metadata: string;
  total_messages: number;
  receipt: string | null;
  turn_id: string | null;
  response: string | null;
  error: string | null;
  interrupts: string | null;
}

/** What of a session can change, as the columns from `status` on. */
export type SessionColumns = [
  status: SessionStatus,
  updatedAt: number,
  metadata: string,
  totalMessages: number,
  receipt: string | null,
  turnId: string | null,
  response: string | null,
  error: string | null,
  interrupts: string | null,
];

export function sessionOf(row: SessionRow): Session {
  const base: SessionBase = {
    sessionId: row.session_id,
    ordinal: row.ordinal,
    owner: row.owner,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    metadata: JSON.parse(row.metadata),
    totalMessages: row.total_messages,
    receipt: row.receipt === null ? null : JSON.parse(row.receipt),
  };
  const { status, response, error } = row;
  const turnId = row.turn_id ?? "";
  switch (status) {
    case "idle":
      return { ...base, status, response, error };
    case "running":
      return { ...base, status, turnId };
    case "interrupted":
      return { ...base, status, turnId, interrupts: JSON.parse(row.interrupts ?? "[]") };
    case "error":
      return { ...base, status, error: error ?? "" };
    default:
      return assertNever(status);
  }
}

export function columnsOf(session: Session): SessionColumns {
  const { status, updatedAt, totalMessages } = session;
  const metadata = JSON.stringify(session.metadata);
  const receipt = session.receipt === null ? null : JSON.stringify(session.receipt);
  const columns = (
    turnId: string | null,
    response: string | null,
    error: string | null,
    interrupts: string | null,
  ): SessionColumns => [
    status,
    updatedAt,
    metadata,
    totalMessages,
    receipt,
    turnId,
    response,
    error,
    interrupts,
  ];
  switch (status) {
    case "idle":
      return columns(null, session.response, session.error, null);
    case "running":
      return columns(session.turnId, null, null, null);
    case "interrupted":
      return columns(session.turnId, null, null, JSON.stringify(session.interrupts));
    case "error":
      return columns(null, null, session.error, null);
    default:
      return assertNever(status);
  }
}
