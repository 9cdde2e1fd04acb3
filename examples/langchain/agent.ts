/**
 * An agent of LangChain, served as it is: a tool, and a tool that a person must approve.
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/langchain/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/langchain/agent.ts:agent
 */
import { type AgentMiddleware, createAgent, humanInTheLoopMiddleware, tool } from "langchain";
import { z } from "zod";

const getWeather = tool(({ city }) => `Sunny in ${city}, 21 degrees`, {
  name: "get_weather",
  description: "The weather in a city",
  schema: z.object({ city: z.string() }),
});

const deleteFile = tool(({ path }) => `Deleted ${path} (not really: this is an example)`, {
  name: "delete_file",
  description: "Deletes one of the user's files",
  schema: z.object({ path: z.string() }),
});

// Only TypeScript's exactOptionalPropertyTypes, which LangChain's types do not know, makes the casts necessary.
const review = humanInTheLoopMiddleware({ interruptOn: { delete_file: true } } as never) as AgentMiddleware;

export const agent = createAgent({
  model: "openai:gpt-5-mini",
  systemPrompt: "You help with the weather and with files. Answer in one sentence.",
  tools: [getWeather, deleteFile],
  middleware: [review],
});
