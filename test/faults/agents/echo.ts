import type { ChatMessage, Turn } from "motus-serve";

export function agent(message: ChatMessage, state: ChatMessage[]): Turn {
  const response: ChatMessage = { role: "assistant", content: `echo: ${message.content}` };
  return [response, [...state, message, response]];
}
