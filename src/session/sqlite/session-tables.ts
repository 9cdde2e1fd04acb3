/** The tables of sessions, their messages and their ended turns: the steps that the verbs of the store are made of. */
import type { SQLQueryBindings, Statement } from "bun:sqlite";
import type { Session } from "../session.ts";
import type { ListQuery, NewSession, TurnRecord } from "../session-store.ts";
import { maxTurns, maxTurnsWithLogs } from "../turn-bounds.ts";
import { columnsOf, type SessionColumns, type SessionRow, sessionOf } from "./session-rows.ts";

/** What prepares statements: a store's file, or a database that is only read. */
export interface Preparing {
  prepare<Row, Parameters extends SQLQueryBindings[]>(sql: string): Statement<Row, Parameters>;
}

interface TurnRow {
  receipt: string;
  error: string | null;
  stack: string | null;
  logs: string | null;
}

export class SessionTables {
  readonly #find;
  readonly #list;
  readonly #listByStatus;
  readonly #listByOwner;
  readonly #listByBoth;
  readonly #count;
  readonly #insert;
  readonly #update;
  readonly #delete;
  readonly #messages;
  readonly #cutMessages;
  readonly #addMessage;
  readonly #turns;
  readonly #addTurn;
  readonly #cutTurns;
  readonly #cutLogs;

  constructor(file: Preparing) {
    this.#find = file.prepare<SessionRow, [string]>("SELECT * FROM sessions WHERE session_id = ?");
    const listed = (where: string) =>
      file.prepare<SessionRow, SQLQueryBindings[]>(
        `SELECT * FROM sessions WHERE ${where} ordinal > ? ORDER BY ordinal LIMIT ?`,
      );
    this.#list = listed("");
    this.#listByStatus = listed("status = ? AND");
    this.#listByOwner = listed("owner = ? AND");
    this.#listByBoth = listed("owner = ? AND status = ? AND");
    this.#count = file.prepare<{ sessions: number }, []>("SELECT sessions FROM totals");
    this.#insert = file.prepare<SessionRow, [string, string | null, number, number, string, number]>(
      "INSERT INTO sessions (session_id, owner, status, created_at, updated_at, metadata, total_messages) " +
        "VALUES (?, ?, 'idle', ?, ?, ?, ?) RETURNING *",
    );
    this.#update = file.prepare<unknown, [...SessionColumns, number]>(
      "UPDATE sessions SET status = ?, updated_at = ?, metadata = ?, total_messages = ?, receipt = ?, turn_id = ?, " +
        "response = ?, error = ?, interrupts = ? WHERE ordinal = ?",
    );
    this.#delete = file.prepare<unknown, [number]>("DELETE FROM sessions WHERE ordinal = ?");
    this.#messages = file.prepare<{ message: string }, [number]>(
      "SELECT message FROM messages WHERE session = ? ORDER BY position",
    );
    this.#cutMessages = file.prepare<unknown, [number, number]>(
      "DELETE FROM messages WHERE session = ? AND position >= ?",
    );
    this.#addMessage = file.prepare<unknown, [number, number, string]>(
      "INSERT INTO messages VALUES (?, ?, ?)",
    );
    this.#turns = file.prepare<TurnRow, [number]>(
      "SELECT receipt, error, stack, logs FROM ended_turns WHERE session = ? ORDER BY place",
    );
    this.#addTurn = file.prepare<unknown, [number, string, string | null, string | null, string | null]>(
      "INSERT INTO ended_turns (session, receipt, error, stack, logs) VALUES (?, ?, ?, ?, ?)",
    );
    const nthLast =
      "(SELECT place FROM ended_turns WHERE session = ?1 ORDER BY place DESC LIMIT 1 OFFSET ?2)";
    this.#cutTurns = file.prepare<unknown, [number, number]>(
      `DELETE FROM ended_turns WHERE session = ?1 AND place <= ${nthLast}`,
    );
    this.#cutLogs = file.prepare<unknown, [number, number]>(
      `UPDATE ended_turns SET logs = NULL WHERE place = ${nthLast}`,
    );
  }

  find(sessionId: string): Session | null {
    const row = this.#find.get(sessionId);
    return row === null ? null : sessionOf(row);
  }

  list({ after = 0, limit = -1, status, owner }: ListQuery): Session[] {
    const of = [owner, status].filter((value) => value !== undefined);
    const byOne = status === undefined ? this.#listByOwner : this.#listByStatus;
    const statement = of.length === 2 ? this.#listByBoth : of.length === 1 ? byOne : this.#list;
    return statement.all(...of, after, limit).map(sessionOf);
  }

  count(): number {
    return this.#count.get()?.sessions ?? 0;
  }

  insert(made: NewSession): Session {
    const { sessionId, owner = null, state, metadata, at } = made;
    const row = this.#insert.get(sessionId, owner, at, at, JSON.stringify(metadata), state.length);
    if (row === null) throw new Error("The session was not made");
    this.#append(row.ordinal, 0, state);
    return sessionOf(row);
  }

  update(session: Session): void {
    this.#update.run(...columnsOf(session), session.ordinal);
  }

  delete({ ordinal }: Session): void {
    this.#delete.run(ordinal);
  }

  messages({ ordinal }: Session): string[] {
    return this.#messages.all(ordinal).map(({ message }) => message);
  }

  /** Keeps the first messages of a session and lets others follow; nothing that stays is written again. */
  changeMessages(session: Session, keep: number, append: readonly string[]): void {
    const { ordinal, totalMessages } = session;
    if (keep < totalMessages) this.#cutMessages.run(ordinal, keep);
    this.#append(ordinal, Math.min(keep, totalMessages), append);
  }

  turns({ ordinal }: Session): TurnRecord[] {
    return this.#turns.all(ordinal).map(({ receipt, error, stack, logs }) => ({
      receipt: JSON.parse(receipt),
      error,
      stack,
      logs: logs === null ? null : JSON.parse(logs),
    }));
  }

  addTurn({ ordinal }: Session, { receipt, error, stack, logs }: TurnRecord): void {
    const logged = logs === null ? null : JSON.stringify(logs);
    this.#addTurn.run(ordinal, JSON.stringify(receipt), error, stack, logged);
    this.#cutTurns.run(ordinal, maxTurns);
    this.#cutLogs.run(ordinal, maxTurnsWithLogs);
  }

  #append(ordinal: number, from: number, messages: readonly string[]): void {
    for (const [index, message] of messages.entries()) this.#addMessage.run(ordinal, from + index, message);
  }
}
