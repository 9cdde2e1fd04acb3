/**
 * Claude with tools of the Anthropic SDK: a tool, and a tool that a person must approve.
 *
 *     ANTHROPIC_API_KEY=sk-ant-… bunx motus serve start examples/anthropic/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/anthropic/agent.ts:agent
 */
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { ToolRunner } from "motus-serve/anthropic";
import { z } from "zod";

const getWeather = betaZodTool({
  name: "get_weather",
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  run: ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = betaZodTool({
  name: "delete_file",
  description: "Deletes one of the user's files",
  inputSchema: z.object({ path: z.string() }),
  run: ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new ToolRunner({
  model: "claude-opus-5-5",
  system: "You help with the weather and with files. Answer in one sentence.",
  tools: [getWeather, deleteFile],
  requiresApproval: ["delete_file"],
});
