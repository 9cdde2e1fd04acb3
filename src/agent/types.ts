import type { ChatMessage } from "../protocol/chat-message.ts";
import type { AgentEvent } from "../protocol/event.ts";
import type { TokenUsage } from "../protocol/session.ts";

/** What an agent returns: its answer, and the conversation as it is to be kept. */
export type Turn = [response: ChatMessage, state: ChatMessage[]];

/** What an agent is told about the turn that it runs; the third argument of every agent. */
export interface TurnContext {
  /**
   * The conversation, a UUID; also `MOTUS_SESSION_ID` in `process.env`. `Bun.spawn` passes that on with
   * `env: process.env` only, `node:child_process` and `Bun.$` do by themselves.
   */
  readonly sessionId: string;
  /** This turn, a UUID; also `MOTUS_TURN_ID` in `process.env`. */
  readonly turnId: string;
  /**
   * Fires when the turn is to stop: timeout, deletion, shutdown. The process is killed shortly after, so
   * pass it to `fetch` and to SDKs, or use it to put things in order.
   */
  readonly signal: AbortSignal;
  /**
   * Says something while the turn runs; whoever reads the session's events gets it at once, in order. A `delta` of more
   * than 65,536 characters is said in several.
   *
   * @throws {TypeError} when it is no event, {RangeError} when it is longer than 1 MB as JSON.
   */
  emit(event: AgentEvent): void;
  /**
   * Asks a person and waits for the answer, which may take days: meanwhile the session is `interrupted`, the turn
   * holds no worker slot and its timeout stands still. Up to a hundred questions may wait at once.
   *
   * @param payload What is asked, at most 256 kB as JSON. Clients know `{type: "tool_approval", …}` and
   * `{type: "user_input", …}`; anything else they show as JSON.
   * @returns what was given as `value` to `POST …/resume`.
   * @throws {RangeError} when the payload is too long or too many questions wait, {TypeError} when it is not JSON.
   */
  interrupt(payload: unknown): Promise<unknown>;
  /**
   * Adds to what the turn's receipt says of tokens. Call it as often as a model was asked; `total_tokens` is the sum
   * of the two others unless given.
   *
   * @throws {TypeError} when a number is not a whole number from 0.
   */
  reportUsage(usage: Omit<TokenUsage, "total_tokens"> & Partial<TokenUsage>): void;
}

/**
 * An agent as a function. It may be async, or a generator whose return value is the turn: strings that it yields are
 * text for the reader (`text-delta` events), and objects are events.
 *
 * It runs in a process of its own that is never used again: globals start fresh on every turn, and what is
 * to be remembered goes into the state.
 */
export type AgentFunction = (
  message: ChatMessage,
  state: ChatMessage[],
  turn: TurnContext,
) => Turn | Promise<Turn> | Generator<string | AgentEvent, Turn> | AsyncGenerator<string | AgentEvent, Turn>;

/** An agent as an object, for those who want to keep settings beside the code. */
export interface ServableAgent {
  runTurn: AgentFunction;
  /**
   * Called once in each worker, before its turn comes: loads what the turn would otherwise wait for, such as an SDK.
   * A worker whose agent cannot be prepared is one whose agent cannot be loaded.
   *
   * @returns what will probably go wrong, such as a key that is missing; said when the server starts.
   */
  prepare?(): Promise<void> | Promise<string[]>;
}

/** Anything that `motus serve start` takes. */
export type Agent = AgentFunction | ServableAgent;
