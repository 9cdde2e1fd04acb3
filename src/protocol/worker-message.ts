/**
 * What the server and a worker process say to each other, over Bun's binary ipc channel.
 *
 * The worker speaks first: one `worker-ready` when it has loaded the agent, or one `worker-failed` and
 * then it exits. The server sends at most one `turn-start` in the worker's whole life (it may come before
 * `worker-ready`; the channel queues it) and at most one `turn-abort` after it. While the turn runs the worker
 * sends any number of `turn-events`, `turn-usage` and `turn-interrupt`, and gets one `interrupt-answer` for each
 * interrupt that is answered, a `turn-ping` before it. It ends with exactly one `turn-end`; then the server kills it, or asks it with
 * `worker-exit` to flush and go.
 *
 * Message, state and result are JSON texts inside a flat envelope. The server never parses the state: it is
 * JSON Lines, a message a line, so that a line can be kept, dropped or appended without looking at it.
 *
 * A worker imports the types alone: loading the schema library would cost it more than its turn.
 */
import { type Static, Type } from "@sinclair/typebox";

export type ToWorker =
  | {
      type: "turn-start";
      sessionId: string;
      turnId: string;
      /** The message, as JSON. */
      message: string;
      /** The state, as JSON Lines, in pieces that follow one another. */
      state: readonly string[];
    }
  | {
      type: "interrupt-answer";
      interruptId: string;
      /** The answer, as JSON. */
      value: string;
    }
  /** Answered with `turn-pong`, to tell whether there is still somebody to take an answer. */
  | { type: "turn-ping" }
  | { type: "turn-abort"; reason: string }
  | { type: "worker-exit" };

export const FromWorkerSchema = Type.Union([
  Type.Object({
    type: Type.Literal("worker-ready"),
    version: Type.Integer(),
    /** What kind of agent was found, in words for the start line: "function", "object with runTurn". */
    agent: Type.String(),
    /** What will probably go wrong with it, a sentence each. */
    warnings: Type.Array(Type.String()),
  }),
  Type.Object({ type: Type.Literal("worker-failed"), code: Type.String(), message: Type.String() }),
  Type.Object({
    type: Type.Literal("turn-events"),
    /** Events, as JSON Lines. */
    events: Type.String(),
  }),
  Type.Object({
    type: Type.Literal("turn-interrupt"),
    interruptId: Type.String({ pattern: "^[0-9a-f-]{36}$" }),
    /** What is asked, as JSON. */
    payload: Type.String(),
  }),
  Type.Object({ type: Type.Literal("turn-pong") }),
  Type.Object({
    type: Type.Literal("turn-usage"),
    /** All that was reported in this turn so far. */
    inputTokens: Type.Integer({ minimum: 0 }),
    outputTokens: Type.Integer({ minimum: 0 }),
    totalTokens: Type.Integer({ minimum: 0 }),
  }),
  Type.Object({
    type: Type.Literal("turn-end"),
    status: Type.Literal("completed"),
    /** The response, as JSON. */
    response: Type.String(),
    /** How many messages of the state that was sent stay as they are. */
    keep: Type.Integer({ minimum: 0 }),
    /** The messages that follow them, as JSON Lines. */
    append: Type.String(),
    /** The agent listens for its process's exit, so it must exit by itself. */
    lingers: Type.Boolean(),
  }),
  Type.Object({
    type: Type.Literal("turn-end"),
    status: Type.Literal("failed"),
    /** `Name: message`. */
    error: Type.String(),
    stack: Type.Union([Type.String(), Type.Null()]),
    lingers: Type.Boolean(),
  }),
]);

export type FromWorker = Static<typeof FromWorkerSchema>;
export type TurnEndMessage = Extract<FromWorker, { type: "turn-end" }>;
/** What a worker says about its turn. */
export type TurnMessage = Extract<FromWorker, { type: `turn-${string}` }>;
