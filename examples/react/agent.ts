/**
 * A ReActAgent, our own small class over the AI SDK: a tool, a tool that a person must approve, and a tool with which the
 * model asks that person.
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/react/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "Ask me which of two cities I like, then tell me its weather"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/react/agent.ts:agent
 */
import { openai } from "@ai-sdk/openai";
import { askUserTool, ReActAgent, tool } from "motus-serve/agent";
import { z } from "zod";

const getWeather = tool({
  description: "The weather in a city",
  inputSchema: z.object({ city: z.string() }),
  execute: ({ city }) => `Sunny in ${city}, 21 degrees`,
});

const deleteFile = tool({
  description: "Deletes one of the user's files",
  inputSchema: z.object({ path: z.string() }),
  requiresApproval: ({ path }) => !path.endsWith(".tmp"),
  execute: ({ path }) => `Deleted ${path} (not really: this is an example)`,
});

export const agent = new ReActAgent({
  model: openai("gpt-5-mini"),
  systemPrompt: "You help with the weather and with files. Answer in one sentence.",
  tools: { get_weather: getWeather, delete_file: deleteFile, ask_user: askUserTool },
});
