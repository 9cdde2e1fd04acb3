/**
 * An agent with a memory: it counts the turns of its conversation.
 *
 *     bunx motus serve start examples/counter/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000
 *
 * Every turn runs in a process of its own, so a variable would start at zero each time. What lasts is the
 * state, and the state is the agent's: here it is one message, however long the conversation is.
 */
import { ChatMessage, type Turn } from "motus-serve";

export function agent(message: ChatMessage, state: ChatMessage[]): Turn {
  const turns = Number(state[0]?.content ?? 0) + 1;
  const response = ChatMessage.assistant(`This is turn ${turns}. You said: ${message.content}`);
  return [response, [ChatMessage.system(String(turns))]];
}
