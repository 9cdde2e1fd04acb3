/**
 * motus serves any TypeScript agent over HTTP, with every turn in a process of its own.
 *
 * # Layout
 * The folders are the way of a turn: `http` takes the request, `server` accepts the message for a `session`
 * and queues its turn, `pool` hands it to a process, `worker` runs it there once with what `agent` loads, and
 * the result goes back the same way. `protocol` is what crosses a boundary on that way. `client` and `cli` are
 * the other end of the line.
 */
export { ChatMessage } from "./agent/chat-message.ts";
export { askUser, emit, interrupt } from "./agent/current-turn.ts";
export type { Agent, AgentFunction, ServableAgent, Turn, TurnContext } from "./agent/types.ts";
export { AgentServer, type Listening } from "./agent-server.ts";
export { type ErrorCode, type FieldError, MotusError } from "./errors.ts";
export type { Logger } from "./logger.ts";
export type { Role, ToolCall } from "./protocol/chat-message.ts";
export type { AgentEvent, SessionEvent, TurnEvent } from "./protocol/event.ts";
export type { Accepted, Health, Problem, SendMessage, WebhookPayload } from "./protocol/http.ts";
export type {
  Interrupt,
  Question,
  ToolApproval,
  ToolApprovalAnswer,
  UserInput,
  UserInputAnswer,
} from "./protocol/interrupt.ts";
export type {
  Outcome,
  Receipt,
  SessionStatus,
  SessionSummary,
  SessionView,
  TokenUsage,
} from "./protocol/session.ts";
export type { AgentServerOptions } from "./server/options.ts";
