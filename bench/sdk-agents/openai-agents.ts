import { Agent, run } from "@openai/agents";

export const agent = new Agent({ name: "Assistant", instructions: "Be brief.", model: "gpt-5" });

export async function runBare(message: string): Promise<string> {
  const result = await run(agent, message, { stream: true });
  for await (const _event of result);
  await result.completed;
  return String(result.finalOutput);
}
