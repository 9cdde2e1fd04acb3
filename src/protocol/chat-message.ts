import { type Static, Type } from "@sinclair/typebox";

/** Who a message is from, in the words of the chat-completions format. */
export const RoleSchema = Type.Union(
  [Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant"), Type.Literal("tool")],
  { description: "Who the message is from" },
);

export const ToolCallSchema = Type.Object(
  {
    id: Type.String(),
    type: Type.Literal("function"),
    function: Type.Object({
      name: Type.String(),
      arguments: Type.String({ description: "The arguments as JSON text, as the model wrote them" }),
    }),
  },
  { description: "One call of a tool, in the chat-completions format" },
);

/** The fields of a message, shared by what a request may carry and what a state may hold. */
export const chatMessageFields = {
  role: RoleSchema,
  content: Type.Optional(Type.String({ description: "The text" })),
  reasoning: Type.Optional(Type.String({ description: "What the model thought before it answered" })),
  reasoning_details: Type.Optional(
    Type.Array(Type.Unknown(), { description: "Reasoning in the provider's own form" }),
  ),
  tool_calls: Type.Optional(Type.Array(ToolCallSchema, { description: "Tools that the assistant calls" })),
  tool_call_id: Type.Optional(Type.String({ description: "The call that a `tool` message answers" })),
  name: Type.Optional(Type.String({ description: "The name of the tool or the author" })),
  base64_image: Type.Optional(Type.String({ description: "An image, as base64 or as a data: URL" })),
  user_params: Type.Optional(
    Type.Record(Type.String(), Type.Unknown(), { description: "Parameters of this turn, for the agent" }),
  ),
};

/** A message as an agent returns it and a state holds it. Fields that motus does not know are kept. */
export const ChatMessageSchema = Type.Object(chatMessageFields, {
  description: "One message of a conversation; a state may carry further fields, which are kept",
  examples: [{ role: "assistant", content: "Hello!" }],
});

export type Role = Static<typeof RoleSchema>;
export type ToolCall = Static<typeof ToolCallSchema>;
/** One message of a conversation. Messages are plain objects: `{ role: "user", content: "Hi" }`. */
export type ChatMessage = Static<typeof ChatMessageSchema>;
