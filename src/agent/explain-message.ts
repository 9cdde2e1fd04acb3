/** What is wrong with a message. Loads TypeBox, which a turn that goes well never needs. */
import { Value } from "@sinclair/typebox/value";
import { ChatMessageSchema } from "../protocol/chat-message.ts";

export function explainMessage(value: object): string {
  const error = Value.Errors(ChatMessageSchema, value).First();
  if (error?.path !== "/role") return `is no message: ${error?.path} ${error?.message.toLowerCase()}`;
  return `has the role ${JSON.stringify(error.value)} instead of system, user, assistant or tool`;
}
