/**
 * An agent that runs an outside program: it counts words with `wc`.
 *
 *     bunx motus serve start examples/word-count/agent.ts:agent --timeout 10
 *     bunx motus serve chat http://127.0.0.1:8000 "How many words are these?"
 *
 * The program belongs to the turn: when the turn is stopped or times out, the program ends with it, even if
 * it ignores `signal`.
 */
import { ChatMessage, type Turn, type TurnContext } from "motus-serve";

export async function agent(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
  const input = new TextEncoder().encode(message.content ?? "");
  const program = Bun.spawn(["wc", "-w"], { stdin: input, signal: turn.signal });
  const words = Number(await new Response(program.stdout).text());
  const response = ChatMessage.assistant(`${words} words`);
  return [response, [...state, message, response]];
}
