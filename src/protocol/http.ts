/**
 * What travels over HTTP besides the session itself: requests, short answers and problem documents.
 * Statuses and fields are those of the Python motus server where it has them.
 */
import { type Static, Type } from "@sinclair/typebox";
import { ChatMessageSchema, chatMessageFields, RoleSchema } from "./chat-message.ts";
import type { Interrupt } from "./interrupt.ts";
import { MetadataSchema, type Outcome, SessionStatusSchema } from "./session.ts";

const strict = { additionalProperties: false };

export const CreateSessionSchema = Type.Object(
  {
    state: Type.Optional(
      Type.Array(ChatMessageSchema, { description: "A conversation to start from, oldest message first" }),
    ),
    metadata: Type.Optional(MetadataSchema),
  },
  { ...strict, examples: [{ metadata: { user: "ada" } }] },
);

export const UpdateSessionSchema = Type.Object(
  { metadata: MetadataSchema },
  { ...strict, examples: [{ metadata: { user: "ada", topic: "travel" } }] },
);

export const WebhookSchema = Type.Object(
  {
    url: Type.String({
      pattern: "^https?://",
      description:
        "Where to POST the result; http or https. What is no URL, and an address that the server must not call, is refused",
    }),
    token: Type.Optional(
      Type.String({
        pattern: "^[\\t\\x20-\\x7e\\x80-\\xff]*$",
        description: "Sent as `Authorization: Bearer <token>`",
      }),
    ),
    secret: Type.Optional(
      Type.String({
        pattern: "^(whsec_)?[A-Za-z0-9+/]{32,}={0,2}$",
        description:
          "Signs the request as Standard Webhooks has it: 24 bytes or more in base64, `whsec_` before it or not",
      }),
    ),
    events: Type.Optional(
      Type.Array(Type.Union([Type.Literal("completed"), Type.Literal("interrupted")]), {
        description:
          "When to call: at the turn's end always, and with `interrupted` also when it asks a person",
      }),
    ),
    include_messages: Type.Optional(
      Type.Boolean({ description: "Send the whole state as `messages`", default: false }),
    ),
  },
  { ...strict, description: "Called when the turn has ended" },
);

export const SendMessageSchema = Type.Object(
  {
    ...chatMessageFields,
    role: Type.Optional(RoleSchema),
    webhook: Type.Optional(WebhookSchema),
  },
  { ...strict, description: "A message; `role` is `user` unless given", examples: [{ content: "Hello!" }] },
);

export const AcceptedSchema = Type.Object(
  {
    session_id: Type.String({ format: "uuid" }),
    status: Type.Literal("running"),
    turn_id: Type.String({ format: "uuid" }),
  },
  { description: "The turn was accepted and will end in exactly one outcome" },
);

export const ResumeSchema = Type.Object(
  {
    interrupt_id: Type.String({ description: "Which question, from the session's `interrupts`" }),
    value: Type.Unknown({ description: "The answer: whatever the agent that asked expects" }),
  },
  {
    ...strict,
    examples: [{ interrupt_id: "5b1f7a3c-1d2e-4f60-8a7b-9c0d1e2f3a4b", value: { approved: true } }],
  },
);

export const ResumedSchema = Type.Object(
  { session_id: Type.String({ format: "uuid" }), status: SessionStatusSchema },
  { description: "The answer was given" },
);

export const HealthSchema = Type.Object({
  status: Type.Literal("ok"),
  max_workers: Type.Integer({ description: "Turns that may run at once" }),
  running_workers: Type.Integer({ description: "Turns that run now" }),
  standby_workers: Type.Integer({ description: "Workers that have loaded the agent and wait for a turn" }),
  queued_turns: Type.Integer({ description: "Turns that wait for a worker slot" }),
  interrupted_turns: Type.Integer({ description: "Turns that wait for a person" }),
  total_sessions: Type.Integer(),
  version: Type.String({ description: "The version of motus" }),
});

export const ReadySchema = Type.Object({ status: Type.Literal("ready") });

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: "about:blank: the code says more" }),
    title: Type.String({ description: "What the code means" }),
    status: Type.Integer(),
    detail: Type.String({ description: "What was wrong and what to do" }),
    code: Type.String({ description: "A stable name to branch on", examples: ["session_not_found"] }),
    errors: Type.Optional(
      Type.Array(Type.Object({ field: Type.String(), message: Type.String() }), {
        description: "With `validation_failed`: the fields at fault, as JSON pointers",
      }),
    ),
  },
  { description: "An error, as RFC 9457 has it" },
);

/** The body of the request that a webhook receives. */
export interface WebhookPayload {
  /** What became of the turn: its outcome, or that it waits for a person. */
  type: `turn.${Outcome | "interrupted"}`;
  /** When it happened, the same on every try. */
  timestamp: string;
  session_id: string;
  status: string;
  response: Static<typeof ChatMessageSchema> | null;
  error: string | null;
  /** What the turn asks, when it waits for a person. */
  interrupts?: Interrupt[];
  messages?: Static<typeof ChatMessageSchema>[];
  trace_metrics: { trace_id: string; total_duration: number; total_tokens: number; has_error: boolean };
}

export type CreateSession = Static<typeof CreateSessionSchema>;
export type Webhook = Static<typeof WebhookSchema>;
/** What a client sends: a message, and optionally where its result is to be posted. */
export type SendMessage = Static<typeof SendMessageSchema>;
/** The answer to a message: the turn was accepted. */
export type Accepted = Static<typeof AcceptedSchema>;
/** The answer to a resume. */
export type Resumed = Static<typeof ResumedSchema>;
export type Health = Static<typeof HealthSchema>;
/** An error answer, as RFC 9457 has it. */
export type Problem = Static<typeof ProblemSchema>;
