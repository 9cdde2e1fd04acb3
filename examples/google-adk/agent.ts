/**
 * An agent of Google's ADK, served as it is: a tool, and a tool that a person must approve.
 *
 *     GEMINI_API_KEY=… bunx motus serve start examples/google-adk/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/google-adk/agent.ts:agent
 */
import { FunctionTool, LlmAgent } from "@google/adk";
import { z } from "zod";

const getWeather = new FunctionTool({
  name: "get_weather",
  description: "The weather in a city",
  parameters: z.object({ city: z.string() }),
  execute: ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = new FunctionTool({
  name: "delete_file",
  description: "Deletes one of the user's files",
  parameters: z.object({ path: z.string() }),
  requireConfirmation: true,
  execute: ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new LlmAgent({
  name: "assistant",
  model: "gemini-2.5-flash",
  instruction: "You help with the weather and with files. Answer in one sentence.",
  tools: [getWeather, deleteFile],
});
