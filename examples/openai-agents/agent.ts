/**
 * An agent of the OpenAI Agents SDK, served as it is: a tool, and a tool that a person must approve.
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/openai-agents/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/openai-agents/agent.ts:agent
 */
import { Agent, tool } from "@openai/agents";
import { z } from "zod";

const getWeather = tool({
  name: "get_weather",
  description: "The weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = tool({
  name: "delete_file",
  description: "Deletes one of the user's files",
  parameters: z.object({ path: z.string() }),
  needsApproval: true,
  execute: ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new Agent({
  name: "Assistant",
  instructions: "You help with the weather and with files. Answer in one sentence.",
  tools: [getWeather, deleteFile],
});
