/**
 * An agent of Mastra, served as it is: a tool, and a tool that a person must approve.
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/mastra/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/mastra/agent.ts:agent
 */
import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";

const getWeather = createTool({
  id: "get_weather",
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = createTool({
  id: "delete_file",
  description: "Deletes one of the user's files",
  inputSchema: z.object({ path: z.string() }),
  requireApproval: true,
  execute: async ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new Agent({
  id: "assistant",
  name: "Assistant",
  instructions: "You help with the weather and with files. Answer in one sentence.",
  model: "openai/gpt-5-mini",
  tools: { get_weather: getWeather, delete_file: deleteFile },
});
