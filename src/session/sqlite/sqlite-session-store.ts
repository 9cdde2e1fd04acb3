import type { Interrupt } from "../../protocol/interrupt.ts";
import type { Metadata, SessionStatus } from "../../protocol/session.ts";
import { type Action, type Session, transition } from "../session.ts";
import {
  type AcceptedTurn,
  type Finish,
  finishAction,
  type ListQuery,
  type NewSession,
  type SessionStore,
  type TurnRecord,
  type TurnReference,
  type UnfinishedTurn,
} from "../session-store.ts";
import { type StateText, stateOf } from "../state-text.ts";
import { SessionTables } from "./session-tables.ts";
import type { SqliteEventLog } from "./sqlite-event-log.ts";
import type { SqliteOutbox } from "./sqlite-outbox.ts";
import type { StoreFile } from "./store-file.ts";
import { TurnTables } from "./turn-tables.ts";

/** How many sessions expire in one transaction: the server does nothing else meanwhile. */
const expiredAtOnce = 200;

/** Sessions in a file of SQLite; each verb that changes something is on the disk when it resolves. */
export class SqliteSessionStore implements SessionStore {
  readonly #file: StoreFile;
  readonly #sessions: SessionTables;
  readonly #turns: TurnTables;
  readonly #events: SqliteEventLog;
  readonly #outbox: SqliteOutbox;
  readonly #maxSessions: number;
  readonly #expired;

  /** @param maxSessions 0 for no limit. */
  constructor(
    file: StoreFile,
    parts: { events: SqliteEventLog; outbox: SqliteOutbox; maxSessions?: number | undefined },
  ) {
    this.#file = file;
    this.#sessions = new SessionTables(file);
    this.#turns = new TurnTables(file);
    this.#events = parts.events;
    this.#outbox = parts.outbox;
    this.#maxSessions = parts.maxSessions ?? 0;
    this.#expired = file.prepare<{ session_id: string }, [number, number]>(
      "DELETE FROM sessions WHERE ordinal IN " +
        "(SELECT ordinal FROM sessions WHERE updated_at < ? AND turn_id IS NULL LIMIT ?) RETURNING session_id",
    );
  }

  create(made: NewSession) {
    return this.#file.write(() => {
      if (this.#sessions.find(made.sessionId) !== null) return "exists" as const;
      if (this.#maxSessions > 0 && this.#sessions.count() >= this.#maxSessions) return "full" as const;
      return this.#sessions.insert(made);
    });
  }

  async get(sessionId: string): Promise<Session | null> {
    return this.#file.read(() => this.#sessions.find(sessionId));
  }

  async messages(sessionId: string): Promise<readonly string[] | null> {
    return this.#file.read(() => {
      const session = this.#sessions.find(sessionId);
      return session === null ? null : this.#sessions.messages(session);
    });
  }

  async list(query: ListQuery): Promise<Session[]> {
    return this.#file.read(() => this.#sessions.list(query));
  }

  async count(): Promise<number> {
    return this.#file.read(() => this.#sessions.count());
  }

  setMetadata(sessionId: string, metadata: Metadata, at: number): Promise<Session | null> {
    return this.#file.write(() => this.#apply(sessionId, { type: "describe", metadata, at }));
  }

  accept(turn: AcceptedTurn): Promise<"accepted" | "missing" | SessionStatus> {
    const { sessionId, turnId, acceptedAt: at } = turn;
    return this.#file.write(() => {
      const before = this.#sessions.find(sessionId);
      if (before === null) return "missing";
      if (this.#apply(sessionId, { type: "accept", turnId, at }) === null) return before.status;
      this.#turns.add(before, turn);
      return "accepted";
    });
  }

  claim(reference: TurnReference): Promise<{ turn: AcceptedTurn; state: StateText } | null> {
    const { sessionId, turnId } = reference;
    return this.#file.write(() => {
      const session = this.#sessions.find(sessionId);
      const turn = session && this.#turns.claim(session, turnId);
      if (session === null || turn === null) return null;
      this.#events.reserve(sessionId);
      return { turn, state: stateOf(this.#sessions.messages(session)) };
    });
  }

  interrupt({ sessionId, turnId }: TurnReference, interrupt: Interrupt, at: number): Promise<Session | null> {
    return this.#file.write(() => this.#apply(sessionId, { type: "interrupt", turnId, interrupt, at }));
  }

  resume(answer: { sessionId: string; interruptId: string; value: string; at: number }) {
    const { sessionId, interruptId, value, at } = answer;
    return this.#file.write(() => {
      const asking = this.#sessions.find(sessionId);
      if (asking === null) return "missing" as const;
      const before = this.#turns.answer(asking, interruptId);
      if (before !== null) return before === value ? ("repeated" as const) : ("conflict" as const);
      const session = this.#apply(sessionId, { type: "resume", interruptId, at });
      if (session === null) return "unknown" as const;
      this.#turns.addAnswer(session, interruptId, value);
      return session;
    });
  }

  finish(finish: Finish): Promise<Session | null> {
    return this.#file.write(() => {
      const before = this.#sessions.find(finish.sessionId);
      if (before === null) return null;
      const session = this.#apply(finish.sessionId, finishAction(finish, before.totalMessages));
      if (session === null) return null;
      if (finish.type === "complete") this.#sessions.changeMessages(before, finish.keep, finish.append);
      this.#turns.remove(session);
      this.#sessions.addTurn(session, finish.record);
      if (finish.webhook) this.#outbox.insert(finish.webhook, finish.at);
      return session;
    });
  }

  async turns(sessionId: string): Promise<readonly TurnRecord[] | null> {
    return this.#file.read(() => {
      const session = this.#sessions.find(sessionId);
      return session === null ? null : this.#sessions.turns(session);
    });
  }

  remove(sessionId: string): Promise<Session | null> {
    return this.#file.write(() => {
      const session = this.#sessions.find(sessionId);
      if (session !== null) this.#sessions.delete(session);
      return session;
    });
  }

  async expire(before: number): Promise<string[]> {
    const expired: string[] = [];
    for (;;) {
      const some = await this.#file.write(() => this.#expired.all(before, expiredAtOnce));
      expired.push(...some.map(({ session_id }) => session_id));
      if (some.length < expiredAtOnce) return expired;
    }
  }

  async unfinished(): Promise<readonly UnfinishedTurn[]> {
    return this.#file.read(() => this.#turns.unfinished());
  }

  /** Moves a session on, if it is there and can. */
  #apply(sessionId: string, action: Action): Session | null {
    const session = this.#sessions.find(sessionId);
    const next = session && transition(session, action);
    if (next !== null) this.#sessions.update(next);
    return next;
  }
}
