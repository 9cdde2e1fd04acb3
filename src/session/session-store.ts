import type { Webhook } from "../protocol/http.ts";
import type { Interrupt } from "../protocol/interrupt.ts";
import type { Metadata, Receipt, SessionStatus, TurnLogs } from "../protocol/session.ts";
import type { OutgoingWebhook } from "./outbox.ts";
import type { Action, Session } from "./session.ts";
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

/** A turn that was accepted by a server that is gone, and has not ended. */
export interface UnfinishedTurn extends Omit<AcceptedTurn, "message"> {
  /** When it was claimed, in milliseconds since 1970; null when it has not started. */
  readonly claimedAt: number | null;
  /** Whether it waited for a person. */
  readonly isInterrupted: boolean;
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
  /** Comes into the outbox in the same step, so that no end is recorded whose webhook could be forgotten. */
  readonly webhook?: OutgoingWebhook | null;
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

/** What a session does when its turn has ended; `totalMessages` is how many it has before that. */
export function finishAction(finish: Finish, totalMessages: number): Action {
  const common = { turnId: finish.turnId, at: finish.at, receipt: finish.record.receipt };
  if (finish.type !== "complete") return { ...common, type: finish.type, error: finish.error };
  const kept = Math.min(finish.keep, totalMessages);
  const { type, response, append } = finish;
  return { ...common, type, response, totalMessages: kept + append.length };
}

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
 *
 * A step whose promise has resolved is there for good, as far as the store outlives its process at all.
 *
 * @throws {MotusError} `store_unavailable`, any verb: nothing has changed, and the same may be tried again.
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
  /**
   * What a server that is gone has left under way, in the order in which it was accepted. For whoever takes its place,
   * before anything else: those that were claimed are to be finished, the others can still be claimed.
   */
  unfinished(): Promise<readonly UnfinishedTurn[]>;
}

/** What a session is made of. */
export type NewSession = Parameters<SessionStore["create"]>[0];
