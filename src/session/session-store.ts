import type { Webhook } from "../protocol/http.ts";
import type { Interrupt } from "../protocol/interrupt.ts";
import type { Metadata, Receipt, SessionStatus, TurnLogs } from "../protocol/session.ts";
import type { Session } from "./session.ts";
import type { StateText } from "./state-text.ts";

/** A turn by its names; what queues carry. */
export interface TurnReference {
  readonly sessionId: string;
  readonly turnId: string;
}

/** What is kept of a turn from its acceptance until it has started. */
export interface AcceptedTurn extends TurnReference {
  /** The message, as JSON. */
  readonly message: string;
  readonly webhook: Webhook | null;
  /** In milliseconds since 1970. */
  readonly acceptedAt: number;
}

/** A turn that has ended: its receipt, and why it did not succeed. */
export interface TurnRecord {
  readonly receipt: Receipt;
  readonly error: string | null;
  /** Where the agent threw, cut to a bound. */
  readonly stack: string | null;
  /** What the process wrote; null when there was none, or when it is no longer kept. */
  readonly logs: TurnLogs | null;
}

/** How a turn ended, for the store. */
export type Finish = TurnReference & {
  readonly at: number;
  readonly record: TurnRecord;
} & (
    | {
        readonly type: "complete";
        readonly response: string;
        /** The state afterwards: its first `keep` messages, then these, each as JSON. */
        readonly keep: number;
        readonly append: readonly string[];
      }
    | { readonly type: "cancel" | "fail"; readonly error: string }
  );

export interface ListQuery {
  /** Only sessions made after the one with this ordinal. */
  after?: number;
  limit?: number;
  status?: SessionStatus;
  /** Only sessions of this owner. */
  owner?: string;
}

/**
 * Where sessions live. Each verb is one atomic step, whoever else calls at the same time; what a caller must
 * expect comes back as a value. Messages are JSON texts that nobody here looks into.
 */
export interface SessionStore {
  /** Makes an idle session. `full` when the store holds as many as it may. */
  create(session: {
    sessionId: string;
    state: readonly string[];
    metadata: Metadata;
    /** @default null */
    owner?: string | null;
    at: number;
  }): Promise<Session | "exists" | "full">;
  get(sessionId: string): Promise<Session | null>;
  /** The state, oldest message first, each as JSON. What is returned does not change any more. */
  messages(sessionId: string): Promise<readonly string[] | null>;
  /** Sessions in the order in which they were made. */
  list(query: ListQuery): Promise<Session[]>;
  count(): Promise<number>;
  setMetadata(sessionId: string, metadata: Metadata, at: number): Promise<Session | null>;
  /** idle or error → running, or says which status is in the way. */
  accept(turn: AcceptedTurn): Promise<"accepted" | "missing" | SessionStatus>;
  /** Hands out the input of an accepted turn, once; null when the turn was fenced off meanwhile. */
  claim(turn: TurnReference): Promise<{ turn: AcceptedTurn; state: StateText } | null>;
  /** running or interrupted → interrupted, with one question more; null when the turn was fenced off. */
  interrupt(turn: TurnReference, interrupt: Interrupt, at: number): Promise<Session | null>;
  /**
   * Takes the answer to a question, once. `repeated`: the same answer was given before; `conflict`: another one
   * was; `unknown`: the session asks no such thing.
   */
  resume(answer: {
    sessionId: string;
    interruptId: string;
    value: string;
    at: number;
  }): Promise<Session | "repeated" | "conflict" | "unknown" | "missing">;
  /** Records how a turn ended; null when the turn was fenced off: then nothing changes. */
  finish(finish: Finish): Promise<Session | null>;
  /** The last hundred turns that ended, oldest first; the last few of them with their logs. */
  turns(sessionId: string): Promise<readonly TurnRecord[] | null>;
  /** Deletes a session and returns what it was. */
  remove(sessionId: string): Promise<Session | null>;
  /** Deletes the sessions that are idle or in error since before a time; returns their ids. */
  expire(before: number): Promise<string[]>;
}
