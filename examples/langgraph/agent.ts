/**
 * A graph of LangGraph, served as it is: a model, its tools, and a tool that asks a person with LangGraph's interrupt().
 *
 *     OPENAI_API_KEY=sk-… bunx motus serve start examples/langgraph/agent.ts:agent
 *     bunx motus serve chat http://127.0.0.1:8000 "What is the weather in Paris? Then delete notes.txt"
 *
 * Without a key: bun examples/mock-model.ts bunx motus serve start examples/langgraph/agent.ts:agent
 */
import { interrupt, MessagesAnnotation, START, StateGraph } from "@langchain/langgraph";
import { ToolNode, toolsCondition } from "@langchain/langgraph/prebuilt";
import { ChatOpenAI } from "@langchain/openai";
import { tool } from "langchain";
import { z } from "zod";

const getWeather = tool(({ city }) => `Sunny in ${city}, 21 degrees`, {
  name: "get_weather",
  description: "The weather in a city",
  schema: z.object({ city: z.string() }),
});

const deleteFile = tool(
  ({ path }) => {
    // What motus's clients show as a question with yes and no; any other value is shown as JSON.
    const answer = interrupt({ type: "tool_approval", tool_name: "delete_file", tool_args: { path } });
    if (answer?.approved !== true) return `The user said no: ${answer?.message ?? "without a reason"}`;
    return `Deleted ${path} (not really: this is an example)`;
  },
  {
    name: "delete_file",
    description: "Deletes one of the user's files",
    schema: z.object({ path: z.string() }),
  },
);

const tools = [getWeather, deleteFile];
const model = new ChatOpenAI({ model: "gpt-5-mini" }).bindTools(tools);
const instructions = {
  role: "system",
  content: "You help with the weather and with files. Answer in one sentence.",
};

export const agent = new StateGraph(MessagesAnnotation)
  .addNode("model", async ({ messages }) => ({ messages: [await model.invoke([instructions, ...messages])] }))
  .addNode("tools", new ToolNode(tools))
  .addEdge(START, "model")
  .addConditionalEdges("model", toolsCondition)
  .addEdge("tools", "model")
  .compile();
