/** The schemas by the names that they have in the OpenAPI document, and how routes declare their answers. */
import { type TSchema, type TUnsafe, Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { type ErrorCode, MotusError, type StatusOf } from "../errors.ts";
import { ChatMessageSchema, RoleSchema, type ToolCall, ToolCallSchema } from "../protocol/chat-message.ts";
import { type SessionEvent, SessionEventSchema } from "../protocol/event.ts";
import {
  type Accepted,
  AcceptedSchema,
  CreateSessionSchema,
  type Health,
  HealthSchema,
  type Problem,
  ProblemSchema,
  ReadySchema,
  type Resumed,
  ResumedSchema,
  ResumeSchema,
  SendMessageSchema,
  UpdateSessionSchema,
  type Webhook,
  WebhookSchema,
} from "../protocol/http.ts";
import {
  type Interrupt,
  InterruptSchema,
  type Question,
  QuestionSchema,
  type ToolApproval,
  type ToolApprovalAnswer,
  ToolApprovalAnswerSchema,
  ToolApprovalSchema,
  type UserInput,
  type UserInputAnswer,
  UserInputAnswerSchema,
  UserInputSchema,
} from "../protocol/interrupt.ts";
import {
  MetadataSchema,
  OutcomeSchema,
  type Receipt,
  ReceiptSchema,
  SessionSchema,
  SessionStatusSchema,
  type SessionSummary,
  SessionSummarySchema,
  type SessionView,
  type TokenUsage,
  TokenUsageSchema,
  type TurnLogs,
  TurnLogsSchema,
  TurnSchema,
  type TurnView,
} from "../protocol/session.ts";
import { references } from "./openapi-document.ts";

export const models = new Elysia({ name: "models" }).model({
  Role: RoleSchema,
  ToolCall: ToolCallSchema,
  ChatMessage: ChatMessageSchema,
  Metadata: MetadataSchema,
  SessionStatus: SessionStatusSchema,
  Outcome: OutcomeSchema,
  TokenUsage: TokenUsageSchema,
  Receipt: ReceiptSchema,
  Session: SessionSchema,
  SessionSummary: SessionSummarySchema,
  CreateSession: CreateSessionSchema,
  UpdateSession: UpdateSessionSchema,
  Webhook: WebhookSchema,
  SendMessage: SendMessageSchema,
  Accepted: AcceptedSchema,
  Health: HealthSchema,
  Ready: ReadySchema,
  Problem: ProblemSchema,
  Interrupt: InterruptSchema,
  ToolApproval: ToolApprovalSchema,
  ToolApprovalAnswer: ToolApprovalAnswerSchema,
  Question: QuestionSchema,
  UserInput: UserInputSchema,
  UserInputAnswer: UserInputAnswerSchema,
  Resume: ResumeSchema,
  Resumed: ResumedSchema,
  Turn: TurnSchema,
  TurnLogs: TurnLogsSchema,
  SessionEvent: SessionEventSchema,
});

const sessionId = "7f3e2c1a-4b5d-4e6f-8a9b-0c1d2e3f4a5b";

const turnId = "0b9d7c52-6f0e-4d0a-9a55-3c1f2b7e8d10";
const times = { created_at: "2026-11-23T08:30:00.000Z", updated_at: "2026-11-23T08:30:04.210Z" };
const usage: TokenUsage = { input_tokens: 120, output_tokens: 18, total_tokens: 138 };
const receipt: Receipt = {
  turn_id: turnId,
  outcome: "completed",
  queued_ms: 0.4,
  duration_ms: 1830,
  cpu_ms: 210,
  max_rss_bytes: 96_468_992,
  exit_code: 0,
  signal: null,
  usage,
  started_at: "2026-11-23T08:30:02.380Z",
  ended_at: "2026-11-23T08:30:04.210Z",
};

const interruptId = "5b1f7a3c-1d2e-4f60-8a7b-9c0d1e2f3a4b";
const approval: ToolApproval = {
  type: "tool_approval",
  tool_name: "delete_file",
  tool_args: { path: "a.txt" },
};
const interrupt: Interrupt = {
  interrupt_id: interruptId,
  type: "tool_approval",
  payload: approval,
  created_at: "2026-11-23T08:30:03.000Z",
  expires_at: "2026-11-24T08:30:03.000Z",
};
const question: Question = {
  question: "Which database?",
  header: "Storage",
  multiSelect: false,
  options: [
    { label: "SQLite", description: "One file" },
    { label: "Postgres", description: "A server" },
  ],
};
const written = [{ time: "2026-11-23T08:30:03.120Z", text: "Looking it up\n" }];

/** An example of each answer, by the name of its model. */
export const modelExamples = {
  ToolCall: {
    id: "call_1",
    type: "function",
    function: { name: "weather", arguments: '{"city":"Oslo"}' },
  } satisfies ToolCall,
  TokenUsage: usage,
  Receipt: receipt,
  Session: {
    session_id: sessionId,
    status: "idle",
    response: { role: "assistant", content: "Hello!" },
    error: null,
    interrupts: null,
    turn: receipt,
    metadata: { user: "ada" },
    ...times,
  } satisfies SessionView,
  SessionSummary: {
    session_id: sessionId,
    status: "idle",
    total_messages: 2,
    metadata: { user: "ada" },
    ...times,
  } satisfies SessionSummary,
  Accepted: { session_id: sessionId, status: "running", turn_id: turnId } satisfies Accepted,
  Health: {
    status: "ok",
    max_workers: 8,
    running_workers: 1,
    standby_workers: 2,
    queued_turns: 0,
    interrupted_turns: 0,
    total_sessions: 3,
    version: "0.1.0",
  } satisfies Health,
  Ready: { status: "ready" },
  Interrupt: interrupt,
  ToolApproval: approval,
  ToolApprovalAnswer: { approved: true } satisfies ToolApprovalAnswer,
  Question: question,
  UserInput: { type: "user_input", questions: [question] } satisfies UserInput,
  UserInputAnswer: { answers: { "Which database?": "SQLite" } } satisfies UserInputAnswer,
  Resumed: { session_id: sessionId, status: "running" } satisfies Resumed,
  Turn: { ...receipt, error: null, stack: null } satisfies TurnView,
  TurnLogs: {
    turn_id: turnId,
    stdout: { entries: written, total_bytes: 14, cut_bytes: 0 },
    stderr: { entries: [], total_bytes: 0, cut_bytes: 0 },
  } satisfies TurnLogs,
  SessionEvent: {
    seq: 2,
    type: "text-delta",
    session_id: sessionId,
    turn_id: turnId,
    delta: "Hel",
  } satisfies SessionEvent,
  Webhook: { url: "https://example.com/turns", token: "a secret of yours" } satisfies Webhook,
};

/** The path parameter of everything that belongs to one session. */
export const sessionParams = Type.Object({
  id: Type.String({ description: "The session's id", examples: [sessionId] }),
});

/** What each error that a request can meet says, for example. */
const details = {
  body_incomplete: "Cannot read the body: it ended before it was complete",
  body_not_json: "Cannot read the body: JSON Parse error: Expected '}'",
  session_id_invalid: "Session ID must be a valid UUID",
  origin_forbidden:
    "Cannot accept a request from a web page of https://app.example.com: " +
    "start the server with --cors-origin https://app.example.com to allow it",
  session_not_found: "Session not found",
  custom_ids_disabled: "Custom session IDs are not enabled",
  session_busy: "Session is running",
  session_not_running: "Cannot cancel: no turn runs, the session is idle",
  session_not_interrupted: "Cannot answer: the session is idle and asks nothing",
  interrupt_answered: "Cannot answer the question: it was given another answer before",
  interrupt_not_found: "Cannot answer: the session asks no question with this interrupt_id",
  turn_not_found: "Cannot find the turn: it has not ended yet, or a hundred turns have since",
  session_exists: "Session already exists",
  idempotency_in_progress:
    "Cannot answer yet: a request with this Idempotency-Key is still being answered; send it again in a moment",
  idempotency_key_reused:
    "Cannot use this Idempotency-Key again: it belongs to a request with another body; choose a new key",
  body_too_large: "Cannot read the body: it is longer than 16777216 bytes, the limit of this server",
  unsupported_media_type:
    'Cannot read a body of type "text/plain": send JSON with the header Content-Type: application/json',
  validation_failed: "The body does not fit: /topic is not a known field",
  session_limit_reached: "Maximum number of sessions reached",
  queue_full: "Cannot accept a message: 1000 turns wait already, send it again later",
  shutting_down: "Cannot accept a message: the server is shutting down",
  store_unavailable:
    "Cannot save to the store /data/motus.sqlite: the disk is full; free some space, and it goes on by itself",
  workers_unavailable:
    "Cannot start a worker: no more processes may be started; end some, or raise their limit (ulimit -u)",
} satisfies Partial<Record<ErrorCode, string>>;

export type RequestError = keyof typeof details;

/** What every route that takes a body can find wrong with it, also where it makes nothing of it. */
export const bodyErrors = [
  "body_incomplete",
  "body_not_json",
  "origin_forbidden",
  "body_too_large",
  "unsupported_media_type",
  "validation_failed",
] as const satisfies RequestError[];

/** What every route that takes an `Idempotency-Key` can find wrong with it. */
export const idempotencyErrors = [
  "idempotency_in_progress",
  "idempotency_key_reused",
  "validation_failed",
] as const satisfies RequestError[];

/** What the documentation says of one status: every error that it may stand for, with an example. */
interface DeclaredProblem {
  description: string;
  "x-problems": Record<string, { value: Problem }>;
}
type Declared<Status extends number> = Record<Status, TUnsafe<Problem> & DeclaredProblem>;

/** Declares with which errors a route answers when something is wrong. */
export function problems<const Code extends RequestError>(...codes: Code[]): Declared<StatusOf<Code>> {
  const declared: Record<number, DeclaredProblem> = {};
  for (const code of codes) declare(code, declared);
  // The errors are thrown and never checked, so that nothing needs to be known of their shape here.
  return Object.fromEntries(
    Object.entries(declared).map(([status, problem]) => [status, Type.Any({ ...problem })]),
  ) as Declared<StatusOf<Code>>;
}

function declare(code: RequestError, declared: Record<number, DeclaredProblem>): void {
  const { status, title, message: detail } = new MotusError(code, details[code]);
  const before = declared[status];
  const errors = code === "validation_failed" && [{ field: "/topic", message: "is not a known field" }];
  const value: Problem = { type: "about:blank", title, status, detail, code, ...(errors && { errors }) };
  declared[status] = {
    description: `${before === undefined ? "" : `${before.description}; `}\`${code}\`: ${title}`,
    "x-problems": { ...before?.["x-problems"], [code]: { value } },
  };
}

/**
 * A list that is written piece by piece: described to the document, never checked item by item.
 *
 * @param headers Headers that the answer may carry besides; docs.ts describes them.
 */
export function streamed(description: string, items: TSchema, headers: string[] = []) {
  return {
    description,
    headers: references(headers),
    content: { "application/json": { schema: Type.Array(items) } },
  };
}

/** Declares the answer of a route that streams events: described to the document, never checked. */
export function streamedEvents(description: string): TUnsafe<Response> {
  return Type.Any({ description, "x-events": true }) as unknown as TUnsafe<Response>;
}
