/** The answer of a run of Mastra's, and what the run has added to the conversation. */
import type { MastraModelOutput } from "@mastra/core/stream";
import type { ModelMessage } from "ai";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { fromMastraMessages } from "./mastra-messages.ts";
import { parseJson, textOf } from "./message-parts.ts";

export type Run = MastraModelOutput<unknown>;

/** What was added, among it the answer. */
export type Answer = [response: ChatMessage, added: ChatMessage[]];

export function refusal(processor = "unnamed"): Answer {
  const response: ChatMessage = { role: "assistant", content: `Refused by the guardrail "${processor}".` };
  return [response, [response]];
}

/**
 * @param maxSteps How many times the model may be asked; a run that ends with tools because of that fails. Another has
 * its own reason to end with a tool, whose result is then the answer.
 */
export async function answerOf(run: Run, maxSteps: number): Promise<Answer> {
  const { messages = [] } = await run.response;
  const added = fromMastraMessages(messages as ModelMessage[]);
  const last = added.findLast(({ role }) => role === "assistant");
  if (last?.tool_calls === undefined) {
    const response = { ...last, role: "assistant" as const, content: contentOf(last, await run.object) };
    return [response, [...added.filter((message) => message !== last), response]];
  }
  const results = added.slice(added.indexOf(last) + 1);
  // A call without a result is one for whoever reads the answer.
  if (results.length < last.tool_calls.length) return [last, added];
  if ((await run.steps).length >= maxSteps) {
    throw new Error(
      `The agent has asked its model ${maxSteps} times, and the model still calls tools; allow it more steps with maxSteps`,
    );
  }
  if (last.content) return [last, added];
  const content = results.map(({ content = "" }) => content).join("\n");
  const response: ChatMessage = { role: "assistant", content };
  return [response, [...added, response]];
}

/** What the model wrote, unless another object has become of it. */
function contentOf({ content = "" }: ChatMessage = { role: "assistant" }, object: unknown): string {
  return object === undefined || textOf(parseJson(content)) === textOf(object) ? content : textOf(object);
}
