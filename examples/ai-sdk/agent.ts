/**
 * An agent of the AI SDK, served as it is: a tool, and a tool that a person must approve.
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/ai-sdk/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/ai-sdk/agent.ts:agent
 */
import { openai } from "@ai-sdk/openai";
import { ToolLoopAgent, tool } from "ai";
import { z } from "zod";

const getWeather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = tool({
  description: "Deletes one of the user's files",
  inputSchema: z.object({ path: z.string() }),
  execute: ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new ToolLoopAgent({
  model: openai("gpt-5-mini"),
  instructions: "You help with the weather and with files. Answer in one sentence.",
  tools: { get_weather: getWeather, delete_file: deleteFile },
  toolApproval: { delete_file: "user-approval" },
});
