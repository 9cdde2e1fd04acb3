/**
 * An agent that speaks while it thinks: a generator. What it yields reaches the reader at once.
 *
 *     bunx motus serve start examples/streaming/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "Tell me about the sea"
 *
 * Strings are text, objects are events (docs/streaming.md). The return value is the turn, as of any agent.
 */
import { type AgentEvent, ChatMessage, type Turn } from "motus-serve";

export async function* agent(
  message: ChatMessage,
  state: ChatMessage[],
): AsyncGenerator<string | AgentEvent, Turn> {
  const words = `You asked: "${message.content}". Here is an answer, word by word.`.split(/(?<= )/);
  for (const word of words) {
    yield word;
    await Bun.sleep(20); // A model would take its time here.
  }
  yield { type: "custom", name: "words", data: words.length };
  const response = ChatMessage.assistant(words.join(""));
  return [response, [...state, message, response]];
}
