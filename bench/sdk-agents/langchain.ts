import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";

export const agent = createAgent({
  model: new ChatOpenAI({ model: "gpt-5" }),
  tools: [],
  systemPrompt: "Be brief.",
});

export async function runBare(message: string): Promise<string> {
  let answer = "";
  const input = { messages: [{ role: "user", content: message }] };
  for await (const state of await agent.stream(input, { streamMode: "values" }))
    answer = state.messages.at(-1)?.text ?? "";
  return answer;
}
