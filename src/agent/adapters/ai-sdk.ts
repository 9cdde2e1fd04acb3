/**
 * Agents of the AI SDK (`ai`): a ToolLoopAgent, or anything else with the methods of its `Agent`. These do everything, so
 * nothing of the SDK is imported here.
 */
import type { ModelMessage } from "ai";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { Turn, TurnContext } from "../types.ts";
import type { Adapt } from "./adapter.ts";
import { explain, keyWarnings } from "./ai-sdk-faults.ts";
import { Listener, type Result } from "./ai-sdk-listener.ts";
import { fromModelMessages, toModelMessages } from "./ai-sdk-messages.ts";
import { textOf } from "./message-parts.ts";

export interface AiSdkAgent {
  stream(options: {
    messages: ModelMessage[];
    abortSignal: AbortSignal;
    allowSystemInMessages: boolean;
  }): PromiseLike<Result>;
}

interface Settings {
  model?: unknown;
  stopWhen?: unknown;
  prepareCall?: unknown;
  onError?: unknown;
}

/** How many steps a ToolLoopAgent takes that was not told when to stop. */
const defaultSteps = 20;

export const adapt: Adapt = async (value, sdk) => {
  sdk.check("ai");
  const agent = value as AiSdkAgent;
  // A ToolLoopAgent keeps its settings as its own; another agent may have none.
  const { settings } = value as { settings?: Settings };
  const hasOwnEnd =
    settings === undefined || settings.stopWhen !== undefined || settings.prepareCall !== undefined;
  const maxSteps = hasOwnEnd ? undefined : defaultSteps;
  // Errors are thrown to us anyway; by itself the SDK also writes them to stderr, with the whole conversation.
  if (settings !== undefined) settings.onError ??= () => {};
  return {
    run: (message, state, turn) => runAiSdkAgent(agent, message, state, { turn, maxSteps }),
    warnings: keyWarnings(settings?.model),
  };
};

/**
 * One turn.
 *
 * @param options.maxSteps How many times the model is asked, when that alone ends a run that still calls tools. A run
 * that ends so fails; without it, the agent has its own reason to end with a tool, whose result is then the answer.
 */
export async function runAiSdkAgent(
  agent: AiSdkAgent,
  message: ChatMessage,
  state: ChatMessage[],
  { turn, maxSteps }: { turn: TurnContext; maxSteps: number | undefined },
): Promise<Turn> {
  // Warnings are mostly of what a message of another provider's says, and of what the user cannot change.
  globalThis.AI_SDK_LOG_WARNINGS ??= false;
  const before = [...state, message];
  const history = toModelMessages(before);
  const added: ModelMessage[] = [];
  const listener = new Listener(turn);
  try {
    for (;;) {
      const messages = [...history, ...added];
      const options = { messages, abortSignal: turn.signal, allowSystemInMessages: true };
      const result = await agent.stream(options);
      const asked = await listener.follow(result);
      added.push(...(await result.responseMessages));
      if (asked.length === 0) return await answer(result, before, fromModelMessages(added), maxSteps);
      // What is asked of a person must still be of use to the model.
      if (maxSteps !== undefined && listener.steps >= maxSteps) throw tooManySteps(maxSteps);
      added.push({ role: "tool", content: await Promise.all(asked.map((call) => listener.decide(call))) });
    }
  } catch (error) {
    turn.signal.throwIfAborted();
    throw explain(error);
  }
}

/** The turn's end: what the model said last, what a tool of its last step gave, or a call that is left to others. */
async function answer(
  result: Result,
  before: ChatMessage[],
  added: ChatMessage[],
  maxSteps: number | undefined,
): Promise<Turn> {
  const { content, toolCalls, rawFinishReason } = await result.finalStep;
  if (content.length === 0 && rawFinishReason === undefined)
    throw new Error("The model has said nothing, not even that it ended: its answer could not be read");
  const calls = toolCalls.filter(({ providerExecuted }) => providerExecuted !== true);
  const last = added.findLast(({ role }) => role === "assistant");
  const results = added.slice(last === undefined ? 0 : added.indexOf(last) + 1);
  if (calls.length === 0) {
    const output: unknown = await result.output;
    const said = results.length === 0 ? last : undefined;
    const response: ChatMessage = { ...said, role: "assistant", content: textOf(output ?? "") };
    return [response, [...before, ...added.filter((message) => message !== said), response]];
  }
  // A call without a result is one for whoever reads the answer, or what the agent was to end with.
  if (last !== undefined && results.length < calls.length) return [last, [...before, ...added]];
  if (maxSteps !== undefined) throw tooManySteps(maxSteps);
  if (last?.content) return [last, [...before, ...added]];
  const response: ChatMessage = {
    role: "assistant",
    content: results.map(({ content = "" }) => content).join("\n"),
  };
  return [response, [...before, ...added, response]];
}

function tooManySteps(maxSteps: number): Error {
  return new Error(
    `The agent has asked its model ${maxSteps} times, and the model still calls tools; allow it more steps with maxSteps or stopWhen`,
  );
}
