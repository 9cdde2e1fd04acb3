/**
 * The smallest agent: it greets, and it remembers what was said.
 *
 *     bunx motus serve start examples/hello/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "Hello!"
 */
import { ChatMessage, type Turn } from "motus-serve";

export function agent(message: ChatMessage, state: ChatMessage[]): Turn {
  const said = state.filter(({ role }) => role === "user").length;
  const response = ChatMessage.assistant(
    said === 0 ? `Hello! You said: ${message.content}` : `You said: ${message.content} (and ${said} before)`,
  );
  return [response, [...state, message, response]];
}
