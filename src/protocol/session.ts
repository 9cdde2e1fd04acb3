import { type SchemaOptions, type Static, type TSchema, Type } from "@sinclair/typebox";
import { ChatMessageSchema } from "./chat-message.ts";
import { InterruptSchema } from "./interrupt.ts";

export const SessionStatusSchema = Type.Union(
  [Type.Literal("idle"), Type.Literal("running"), Type.Literal("interrupted"), Type.Literal("error")],
  {
    description:
      "`running` while a turn is queued or runs, `interrupted` while it waits for a person, `error` when the " +
      "last turn did not succeed",
  },
);

export const OutcomeSchema = Type.Union(
  [
    Type.Literal("completed"),
    Type.Literal("failed"),
    Type.Literal("timed_out"),
    Type.Literal("out_of_memory"),
    Type.Literal("cancelled"),
    Type.Literal("crashed"),
    Type.Literal("lost"),
  ],
  {
    description:
      "How the turn ended: `completed`; `failed`: the agent threw, returned nonsense, or wrote or said more than it may; " +
      "`timed_out`: it took longer, or computed longer, than it may; `out_of_memory`: it used more memory than it may; " +
      "`cancelled`; `crashed`: the worker process died; `lost`: the server died while the turn ran or waited for a person",
  },
);

const time = { format: "date-time", examples: ["2026-11-23T08:30:00.000Z"] };
const nullable = <T extends TSchema>(schema: T, options?: SchemaOptions) =>
  Type.Union([schema, Type.Null()], options);

export const TokenUsageSchema = Type.Object(
  {
    input_tokens: Type.Integer({ minimum: 0 }),
    output_tokens: Type.Integer({ minimum: 0 }),
    total_tokens: Type.Integer({ minimum: 0 }),
  },
  { description: "The tokens that the agent's models used" },
);

export const ReceiptSchema = Type.Object(
  {
    turn_id: Type.String({ format: "uuid" }),
    outcome: OutcomeSchema,
    queued_ms: Type.Number({ minimum: 0, description: "Waited for a worker slot, in milliseconds" }),
    duration_ms: nullable(
      Type.Number({
        minimum: 0,
        description: "Ran, in milliseconds; null when the turn never started, and when it was lost",
      }),
    ),
    cpu_ms: nullable(
      Type.Number({ minimum: 0, description: "CPU time of the worker process, its start included" }),
    ),
    max_rss_bytes: nullable(Type.Integer({ minimum: 0, description: "Peak memory of the worker process" })),
    exit_code: Type.Union([Type.Integer(), Type.Null()], {
      description:
        "0 after a result was delivered, else the worker's own exit code; null when a signal ended it",
    }),
    signal: Type.Union([Type.String(), Type.Null()], {
      description: "The signal that ended the worker before it delivered a result",
      examples: ["SIGKILL"],
    }),
    usage: Type.Union([TokenUsageSchema, Type.Null()]),
    started_at: Type.Union([Type.String(time), Type.Null()]),
    ended_at: Type.String(time),
  },
  { description: "What a turn cost and how it ended" },
);

const LogStreamSchema = Type.Object({
  entries: Type.Array(Type.Object({ time: Type.String(time), text: Type.String() })),
  total_bytes: Type.Integer({ minimum: 0, description: "Written in all" }),
  cut_bytes: Type.Integer({ minimum: 0, description: "Written before the first entry and not kept" }),
});

export const TurnLogsSchema = Type.Object(
  { turn_id: Type.String({ format: "uuid" }), stdout: LogStreamSchema, stderr: LogStreamSchema },
  { description: "What the turn's process wrote: the last 64 kB of each stream" },
);

export const TurnSchema = Type.Intersect(
  [
    ReceiptSchema,
    Type.Object({
      error: nullable(Type.String(), { description: "Why the turn did not succeed" }),
      stack: nullable(Type.String(), { description: "Where the agent threw, cut to 8 kB" }),
    }),
  ],
  { description: "A turn that has ended" },
);

/** Data that belongs to the client; the server keeps it and does not look at it. */
export const MetadataSchema = Type.Record(Type.String(), Type.Unknown(), {
  description: "The client's own data about the session",
  examples: [{ user: "ada" }],
});

const identity = {
  session_id: Type.String({ format: "uuid" }),
  status: SessionStatusSchema,
};
const bookkeeping = {
  metadata: MetadataSchema,
  created_at: Type.String(time),
  updated_at: Type.String(time),
};

export const SessionSchema = Type.Object(
  {
    ...identity,
    response: Type.Union([ChatMessageSchema, Type.Null()], { description: "The last turn's answer" }),
    error: Type.Union([Type.String(), Type.Null()], { description: "Why the last turn did not succeed" }),
    interrupts: nullable(Type.Array(InterruptSchema), { description: "What the turn asks a person" }),
    turn: Type.Union([ReceiptSchema, Type.Null()], { description: "The last ended turn" }),
    ...bookkeeping,
  },
  { description: "A conversation" },
);

export const SessionSummarySchema = Type.Object(
  { ...identity, total_messages: Type.Integer({ minimum: 0 }), ...bookkeeping },
  { description: "A conversation, in a list" },
);

export type SessionStatus = Static<typeof SessionStatusSchema>;
/** How a turn ended. */
export type Outcome = Static<typeof OutcomeSchema>;
export type TokenUsage = Static<typeof TokenUsageSchema>;
/** What a turn cost and how it ended. */
export type Receipt = Static<typeof ReceiptSchema>;
/** What the turn's process wrote. */
export type TurnLogs = Static<typeof TurnLogsSchema>;
/** A turn that has ended. */
export type TurnView = Static<typeof TurnSchema>;
export type Metadata = Static<typeof MetadataSchema>;
/** A session as the API shows it. */
export type SessionView = Static<typeof SessionSchema>;
/** A session in a list. */
export type SessionSummary = Static<typeof SessionSummarySchema>;
