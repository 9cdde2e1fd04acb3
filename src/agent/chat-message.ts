import type { ChatMessage as Message, ToolCall } from "../protocol/chat-message.ts";

/** The fields of a message besides its role and content. */
export type MessageFields = Partial<Omit<Message, "role" | "content">>;

/** One message of a conversation. Messages are plain objects: `{ role: "user", content: "Hi" }`. */
export type ChatMessage = Message;

/**
 * Makes messages; each returns a plain object, so `{ role: "assistant", content: "Hi" }` is as good.
 *
 * @example
 * ```ts
 * import { ChatMessage } from "motus-serve";
 *
 * export function agent(message: ChatMessage, state: ChatMessage[]) {
 *   const response = ChatMessage.assistant(`You said: ${message.content}`);
 *   return [response, [...state, message, response]];
 * }
 * ```
 */
export const ChatMessage = {
  system: (content: string, fields: MessageFields = {}): Message => ({ ...fields, role: "system", content }),
  user: (content: string, fields: MessageFields = {}): Message => ({ ...fields, role: "user", content }),
  assistant: (content: string, fields: MessageFields = {}): Message => ({
    ...fields,
    role: "assistant",
    content,
  }),
  /** The result of one tool call; the call's id and name come from the assistant's `tool_calls`. */
  tool: (content: string, call: Pick<ToolCall, "id" | "function">, fields: MessageFields = {}): Message => ({
    ...fields,
    role: "tool",
    content,
    tool_call_id: call.id,
    name: call.function.name,
  }),
};
