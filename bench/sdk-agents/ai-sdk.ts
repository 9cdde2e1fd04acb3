import { openai } from "@ai-sdk/openai";
import { ToolLoopAgent } from "ai";

export const agent = new ToolLoopAgent({ model: openai("gpt-5"), instructions: "Be brief." });

export async function runBare(message: string): Promise<string> {
  const result = await agent.stream({ messages: [{ role: "user", content: message }] });
  for await (const _part of result.stream);
  return await result.text;
}
