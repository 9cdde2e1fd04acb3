import Anthropic from "@anthropic-ai/sdk";
import { ToolRunner } from "motus-serve/anthropic";

const params = { model: "claude-opus-5", max_tokens: 1024, system: "Be brief.", tools: [] };

export const agent = new ToolRunner(params);

export async function runBare(message: string): Promise<string> {
  const runner = new Anthropic().beta.messages.toolRunner({
    ...params,
    messages: [{ role: "user", content: message }],
    stream: true,
    thread: false,
  });
  for await (const stream of runner) for await (const _event of stream);
  const { content } = await runner.done();
  return content.map((block) => (block.type === "text" ? block.text : "")).join("");
}
