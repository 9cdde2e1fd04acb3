/** The tables of turns that are under way, and of the answers that they got. */
import type { SessionStatus } from "../../protocol/session.ts";
import type { Session } from "../session.ts";
import type { AcceptedTurn, UnfinishedTurn } from "../session-store.ts";
import type { Preparing } from "./session-tables.ts";

interface AcceptedRow {
  message: string;
  webhook: string | null;
  accepted_at: number;
}

interface UnfinishedRow extends Omit<AcceptedRow, "message"> {
  session_id: string;
  turn_id: string;
  claimed_at: number | null;
  status: SessionStatus;
}

export class TurnTables {
  readonly #add;
  readonly #claim;
  readonly #remove;
  readonly #unfinished;
  readonly #answer;
  readonly #addAnswer;
  readonly #removeAnswers;

  constructor(file: Preparing) {
    this.#add = file.prepare<unknown, [number, string, string, string | null, number]>(
      "INSERT INTO accepted_turns (session, turn_id, message, webhook, accepted_at) VALUES (?, ?, ?, ?, ?)",
    );
    this.#claim = file.prepare<AcceptedRow, [number, number, string]>(
      "UPDATE accepted_turns SET claimed_at = ? WHERE session = ? AND turn_id = ? AND claimed_at IS NULL " +
        "RETURNING message, webhook, accepted_at",
    );
    this.#remove = file.prepare<unknown, [number]>("DELETE FROM accepted_turns WHERE session = ?");
    this.#unfinished = file.prepare<UnfinishedRow, []>(
      "SELECT session_id, accepted_turns.turn_id, webhook, accepted_at, claimed_at, status " +
        "FROM accepted_turns JOIN sessions ON session = ordinal ORDER BY place",
    );
    this.#answer = file.prepare<{ value: string }, [number, string]>(
      "SELECT value FROM answers WHERE session = ? AND interrupt_id = ?",
    );
    this.#addAnswer = file.prepare<unknown, [number, string, string]>("INSERT INTO answers VALUES (?, ?, ?)");
    this.#removeAnswers = file.prepare<unknown, [number]>("DELETE FROM answers WHERE session = ?");
  }

  /** Adds a turn to a session; the answers that the one before got are forgotten. */
  add({ ordinal }: Session, { turnId, message, webhook, acceptedAt }: AcceptedTurn): void {
    this.#removeAnswers.run(ordinal);
    this.#add.run(ordinal, turnId, message, webhook === null ? null : JSON.stringify(webhook), acceptedAt);
  }

  /** Takes a turn that waits. */
  claim({ ordinal, sessionId }: Session, turnId: string): AcceptedTurn | null {
    const row = this.#claim.get(Date.now(), ordinal, turnId);
    if (row === null) return null;
    const { message, webhook, accepted_at: acceptedAt } = row;
    return { sessionId, turnId, message, webhook: webhook === null ? null : JSON.parse(webhook), acceptedAt };
  }

  remove({ ordinal }: Session): void {
    this.#remove.run(ordinal);
  }

  unfinished(): UnfinishedTurn[] {
    return this.#unfinished.all().map((row) => ({
      sessionId: row.session_id,
      turnId: row.turn_id,
      webhook: row.webhook === null ? null : JSON.parse(row.webhook),
      acceptedAt: row.accepted_at,
      claimedAt: row.claimed_at,
      isInterrupted: row.status === "interrupted",
    }));
  }

  answer({ ordinal }: Session, interruptId: string): string | null {
    return this.#answer.get(ordinal, interruptId)?.value ?? null;
  }

  addAnswer({ ordinal }: Session, interruptId: string, value: string): void {
    this.#addAnswer.run(ordinal, interruptId, value);
  }
}
