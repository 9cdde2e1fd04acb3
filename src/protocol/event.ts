/**
 * What a turn says while it runs. The same object travels from the worker over ipc and to readers over SSE;
 * the server adds the names of session and turn, and `seq`, one counter for each session across its turns.
 */
import { type Static, Type } from "@sinclair/typebox";
import { ChatMessageSchema } from "./chat-message.ts";
import { OutcomeSchema, ReceiptSchema, SessionSchema } from "./session.ts";

const tool = { tool_call_id: Type.String(), tool_name: Type.String() };

/** What an agent may say: with `turn.emit`, the importable `emit`, or by yielding it. */
export const AgentEventSchema = Type.Union([
  Type.Object({ type: Type.Literal("text-delta"), delta: Type.String() }),
  Type.Object({ type: Type.Literal("reasoning-delta"), delta: Type.String() }),
  Type.Object({ type: Type.Literal("tool-call"), ...tool, input: Type.Unknown() }),
  Type.Object({
    type: Type.Literal("tool-result"),
    ...tool,
    output: Type.Unknown(),
    is_error: Type.Optional(Type.Boolean({ default: false })),
  }),
  Type.Object({ type: Type.Literal("custom"), name: Type.String(), data: Type.Unknown() }),
]);

/** What the server says about a turn. */
export const ServerEventSchema = Type.Union([
  Type.Object({ type: Type.Literal("turn-start") }),
  Type.Object({
    type: Type.Literal("interrupt"),
    interrupt_id: Type.String({ format: "uuid" }),
    interrupt_type: Type.String(),
    payload: Type.Unknown(),
  }),
  Type.Object({ type: Type.Literal("interrupt-resolved"), interrupt_id: Type.String({ format: "uuid" }) }),
  Type.Object({
    type: Type.Literal("turn-end"),
    outcome: OutcomeSchema,
    response: Type.Union([ChatMessageSchema, Type.Null()]),
    error: Type.Union([Type.String(), Type.Null()]),
    receipt: ReceiptSchema,
  }),
]);

/** Sent instead of events that are no longer held: the session as it is, to start again from. */
export const ResetEventSchema = Type.Object({
  type: Type.Literal("reset"),
  session_id: Type.String({ format: "uuid" }),
  seq: Type.Integer({ minimum: 0 }),
  session: SessionSchema,
});

const names = Type.Object({
  session_id: Type.String({ format: "uuid" }),
  turn_id: Type.String({ format: "uuid" }),
  seq: Type.Integer({ minimum: 1, description: "The event's number, which is its SSE id" }),
});

/** What a reader of events gets. */
export const SessionEventSchema = Type.Union([
  Type.Intersect([names, Type.Union([AgentEventSchema, ServerEventSchema])]),
  ResetEventSchema,
]);

/** What an agent may say: with `turn.emit`, the importable `emit`, or by yielding it. */
export type AgentEvent = Static<typeof AgentEventSchema>;
/** What a turn says: the agent's events and the server's. */
export type TurnEvent = AgentEvent | Static<typeof ServerEventSchema>;
/** What a reader of events gets. */
export type SessionEvent = Static<typeof SessionEventSchema>;
