import type { ChatMessage } from "../protocol/chat-message.ts";

/** What an agent returns: its answer, and the conversation as it is to be kept. */
export type Turn = [response: ChatMessage, state: ChatMessage[]];

/** What an agent is told about the turn that it runs; the third argument of every agent. */
export interface TurnContext {
  /** The conversation, a UUID; also `MOTUS_SESSION_ID` in `process.env`. */
  readonly sessionId: string;
  /** This turn, a UUID; also `MOTUS_TURN_ID` in `process.env`. */
  readonly turnId: string;
  /**
   * Fires when the turn is to stop: timeout, deletion, shutdown. The process is killed shortly after, so
   * pass it to `fetch` and to SDKs, or use it to put things in order.
   */
  readonly signal: AbortSignal;
}

/**
 * An agent as a function. It may be async, or a generator whose return value is the turn.
 *
 * It runs in a process of its own that is never used again: globals start fresh on every turn, and what is
 * to be remembered goes into the state.
 */
export type AgentFunction = (
  message: ChatMessage,
  state: ChatMessage[],
  turn: TurnContext,
) => Turn | Promise<Turn> | Generator<unknown, Turn> | AsyncGenerator<unknown, Turn>;

/** An agent as an object, for those who want to keep settings beside the code. */
export interface ServableAgent {
  runTurn: AgentFunction;
}

/** Anything that `motus serve start` takes. */
export type Agent = AgentFunction | ServableAgent;
