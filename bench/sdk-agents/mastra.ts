import { openai } from "@ai-sdk/openai";
import { Agent } from "@mastra/core/agent";
import type { MastraModelConfig } from "@mastra/core/llm";

export const agent = new Agent({
  id: "assistant",
  name: "Assistant",
  instructions: "Be brief.",
  // Mastra's type for models of the AI SDK 7 asks more of them than Mastra does.
  model: openai("gpt-5") as object as MastraModelConfig,
});

export async function runBare(message: string): Promise<string> {
  const result = await agent.stream(message);
  for await (const _part of result.fullStream);
  return await result.text;
}
