import { openai } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";

export const agent = new Agent({
  id: "assistant",
  name: "Assistant",
  instructions: "Be brief.",
  model: openai("gpt-5"),
});

export async function runBare(message: string): Promise<string> {
  const result = await agent.stream(message);
  for await (const _part of result.fullStream);
  return await result.text;
}
