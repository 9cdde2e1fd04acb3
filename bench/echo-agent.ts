import type { ChatMessage, Turn } from "motus-serve";

/** The agent of all benchmarks: it does nothing, so what is measured is everything around it. */
export function agent(message: ChatMessage, state: ChatMessage[]): Turn {
  const response: ChatMessage = { role: "assistant", content: `echo: ${message.content}` };
  return [response, [...state, message, response]];
}
