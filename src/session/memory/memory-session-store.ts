import type { Interrupt } from "../../protocol/interrupt.ts";
import type { Metadata, SessionStatus } from "../../protocol/session.ts";
import { isUnderWay, type Session, transition } from "../session.ts";
import {
  type AcceptedTurn,
  type Finish,
  finishAction,
  type ListQuery,
  type SessionStore,
  type TurnRecord,
  type TurnReference,
  type UnfinishedTurn,
} from "../session-store.ts";
import { keepThenAppend, messagesOf, type StateText, stateOf } from "../state-text.ts";
import { maxTurns, maxTurnsWithLogs } from "../turn-bounds.ts";

interface Entry {
  session: Session;
  state: StateText;
  input: AcceptedTurn | null;
  /** The answers that the last turn got, by interrupt. */
  answers: ReadonlyMap<string, string>;
  turns: readonly TurnRecord[];
}

const none: readonly never[] = Object.freeze([]);
const noAnswers: ReadonlyMap<string, string> = new Map();

/** Sessions in a Map: nothing to set up, gone with the process. */
export class MemorySessionStore implements SessionStore {
  readonly #entries = new Map<string, Entry>();
  readonly #maxSessions: number;
  #lastOrdinal = 0;

  /** @param maxSessions 0 for no limit. */
  constructor({ maxSessions = 0 }: { maxSessions?: number } = {}) {
    this.#maxSessions = maxSessions;
  }

  async create(made: {
    sessionId: string;
    state: readonly string[];
    metadata: Metadata;
    owner?: string | null;
    at: number;
  }) {
    if (this.#entries.has(made.sessionId)) return "exists" as const;
    if (this.#maxSessions > 0 && this.#entries.size >= this.#maxSessions) return "full" as const;
    this.#lastOrdinal += 1;
    const session: Session = {
      sessionId: made.sessionId,
      ordinal: this.#lastOrdinal,
      owner: made.owner ?? null,
      createdAt: made.at,
      updatedAt: made.at,
      metadata: made.metadata,
      totalMessages: made.state.length,
      receipt: null,
      status: "idle",
      response: null,
      error: null,
    };
    const state = stateOf(made.state);
    this.#entries.set(made.sessionId, { session, state, input: null, answers: noAnswers, turns: none });
    return session;
  }

  async get(sessionId: string): Promise<Session | null> {
    return this.#entries.get(sessionId)?.session ?? null;
  }

  async messages(sessionId: string): Promise<readonly string[] | null> {
    const state = this.#entries.get(sessionId)?.state;
    return state === undefined ? null : messagesOf(state);
  }

  async list({ after = 0, limit = Number.POSITIVE_INFINITY, status, owner }: ListQuery): Promise<Session[]> {
    const sessions: Session[] = [];
    for (const { session } of this.#entries.values()) {
      if (sessions.length >= limit) break;
      if (session.ordinal <= after) continue;
      if (status !== undefined && session.status !== status) continue;
      if (owner !== undefined && session.owner !== owner) continue;
      sessions.push(session);
    }
    return sessions;
  }

  async count(): Promise<number> {
    return this.#entries.size;
  }

  async setMetadata(sessionId: string, metadata: Metadata, at: number): Promise<Session | null> {
    const entry = this.#entries.get(sessionId);
    return entry === undefined ? null : apply(entry, { type: "describe", metadata, at });
  }

  async accept(turn: AcceptedTurn): Promise<"accepted" | "missing" | SessionStatus> {
    const entry = this.#entries.get(turn.sessionId);
    if (entry === undefined) return "missing";
    const before = entry.session.status;
    if (apply(entry, { type: "accept", turnId: turn.turnId, at: turn.acceptedAt }) === null) return before;
    entry.input = turn;
    entry.answers = noAnswers;
    return "accepted";
  }

  async claim({
    sessionId,
    turnId,
  }: TurnReference): Promise<{ turn: AcceptedTurn; state: StateText } | null> {
    const entry = this.#entries.get(sessionId);
    if (entry?.input?.turnId !== turnId) return null;
    const claimed = { turn: entry.input, state: entry.state };
    entry.input = null;
    return claimed;
  }

  async interrupt(
    { sessionId, turnId }: TurnReference,
    interrupt: Interrupt,
    at: number,
  ): Promise<Session | null> {
    const entry = this.#entries.get(sessionId);
    return entry === undefined ? null : apply(entry, { type: "interrupt", turnId, interrupt, at });
  }

  async resume(answer: { sessionId: string; interruptId: string; value: string; at: number }) {
    const { sessionId, interruptId, value, at } = answer;
    const entry = this.#entries.get(sessionId);
    if (entry === undefined) return "missing" as const;
    const before = entry.answers.get(interruptId);
    if (before !== undefined) return before === value ? ("repeated" as const) : ("conflict" as const);
    const session = apply(entry, { type: "resume", interruptId, at });
    if (session === null) return "unknown" as const;
    entry.answers = new Map([...entry.answers, [interruptId, value]]);
    return session;
  }

  async finish(finish: Finish): Promise<Session | null> {
    const entry = this.#entries.get(finish.sessionId);
    if (entry === undefined) return null;
    if (apply(entry, finishAction(finish, entry.state.count)) === null) return null;
    if (finish.type === "complete") entry.state = keepThenAppend(entry.state, finish.keep, finish.append);
    entry.input = null;
    entry.turns = withinBounds([...entry.turns, finish.record]);
    return entry.session;
  }

  async turns(sessionId: string): Promise<readonly TurnRecord[] | null> {
    return this.#entries.get(sessionId)?.turns ?? null;
  }

  async remove(sessionId: string): Promise<Session | null> {
    const entry = this.#entries.get(sessionId);
    this.#entries.delete(sessionId);
    return entry?.session ?? null;
  }

  async expire(before: number): Promise<string[]> {
    const expired: string[] = [];
    for (const [sessionId, { session }] of this.#entries) {
      if (!isUnderWay(session) && session.updatedAt < before) expired.push(sessionId);
    }
    for (const sessionId of expired) this.#entries.delete(sessionId);
    return expired;
  }

  /** Nothing: it was gone with its server. */
  async unfinished(): Promise<readonly UnfinishedTurn[]> {
    return none;
  }
}

/** The last turns; only the last few of them keep their logs. */
function withinBounds(turns: readonly TurnRecord[]): readonly TurnRecord[] {
  const kept = turns.slice(-maxTurns);
  const forgetful = kept.length - 1 - maxTurnsWithLogs;
  const oldest = kept[forgetful];
  if (oldest !== undefined) kept[forgetful] = { ...oldest, logs: null };
  return kept;
}

/** Moves an entry's session on, if it can. */
function apply(entry: Entry, action: Parameters<typeof transition>[1]): Session | null {
  const next = transition(entry.session, action);
  if (next !== null) entry.session = next;
  return next;
}
