/** Questions to a person in the middle of a turn, and their answers. */
import { type Static, Type } from "@sinclair/typebox";

/** A question that waits for its answer. */
export const InterruptSchema = Type.Object(
  {
    interrupt_id: Type.String({ format: "uuid" }),
    type: Type.String({
      description: "The payload's `type`, or `custom`",
      examples: ["tool_approval", "user_input"],
    }),
    payload: Type.Unknown({ description: "What the agent asks, as it wrote it" }),
    created_at: Type.String({ format: "date-time" }),
    expires_at: Type.Union([Type.String({ format: "date-time" }), Type.Null()], {
      description: "When the turn fails if nobody has answered; null for never",
    }),
  },
  { description: "A question to a person; answer it with POST …/resume" },
);

export const ToolApprovalSchema = Type.Object(
  { type: Type.Literal("tool_approval"), tool_name: Type.String(), tool_args: Type.Unknown() },
  { description: "May this tool run? Answer with `{approved, message?}`" },
);

export const ToolApprovalAnswerSchema = Type.Object({
  approved: Type.Boolean(),
  message: Type.Optional(Type.String({ description: "Why, for the agent" })),
});

export const QuestionSchema = Type.Object({
  question: Type.String({ minLength: 1 }),
  header: Type.String({ description: "A few words over the question" }),
  multiSelect: Type.Boolean({ default: false, description: "Whether more than one option may be chosen" }),
  options: Type.Array(
    Type.Object({
      label: Type.String({ minLength: 1 }),
      description: Type.String(),
      markdown: Type.Optional(Type.String({ description: "More about the option, to show beside it" })),
    }),
    { minItems: 2, maxItems: 4 },
  ),
});

export const UserInputSchema = Type.Object(
  { type: Type.Literal("user_input"), questions: Type.Array(QuestionSchema, { minItems: 1, maxItems: 4 }) },
  { description: "Questions to a person. Answer with `{answers: {question: label or text}}`" },
);

export const UserInputAnswerSchema = Type.Object({
  answers: Type.Record(Type.String(), Type.String(), {
    description: "By question: the label of an option (several separated by commas) or an answer in words",
  }),
});

/** A question that waits for its answer. */
export type Interrupt = Static<typeof InterruptSchema>;
/** May this tool run? */
export type ToolApproval = Static<typeof ToolApprovalSchema>;
/** The answer to a tool approval. */
export type ToolApprovalAnswer = Static<typeof ToolApprovalAnswerSchema>;
/** One question to a person, with two to four options; an answer in other words is always possible. */
export type Question = Static<typeof QuestionSchema>;
/** Questions to a person. */
export type UserInput = Static<typeof UserInputSchema>;
/** The answers by question: the label of an option or a text. */
export type UserInputAnswer = Static<typeof UserInputAnswerSchema>;
