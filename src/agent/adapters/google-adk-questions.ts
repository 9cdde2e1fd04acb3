/**
 * What the tools of ADK's agents ask a person, asked where it arises; the run waits. ADK's own way is to end the run, and
 * to start another with the answer as its message. Agents in a sequence then go on without it, the results of tools that
 * ran beside the one in question are lost, and `requestConfirmation` ends in an error (all in 2.0.0).
 */
import type { BasePlugin, BaseTool, Context, Event } from "@google/adk";
import type { TurnContext } from "../types.ts";
import { askApproval } from "./ask-approval.ts";
import { isAwaited, type ModelCalls } from "./google-adk-models.ts";
import { type Adk, pluginOf } from "./google-adk-plugin.ts";
import { textOf } from "./message-parts.ts";

type Call = Parameters<BasePlugin["beforeToolCallback"]>[0];
type Result = Record<string, unknown> | undefined;
/** With an approval a person may give what the tool has asked for besides. */
type Decision = { approved: true; payload?: unknown } | { approved: false; message: string };

export class ToolQuestions {
  readonly #adk: Adk;
  readonly #turn: TurnContext;
  readonly #models: ModelCalls;
  /** By the object of a call's arguments, which is the call's own: ids are the model's, and it may use one again. */
  readonly #decisions = new WeakMap<object, Promise<Decision>>();

  constructor(adk: Adk, turn: TurnContext, models: ModelCalls) {
    this.#adk = adk;
    this.#turn = turn;
    this.#models = models;
  }

  /** @param said Hears of events that ADK does not tell of. */
  plugin(said: (event: Event) => void): BasePlugin {
    return pluginOf(this.#adk, "motus-questions", {
      beforeToolCallback: (call) => this.#approve(call),
      afterToolCallback: async ({ result, ...call }) => {
        const confirmed = await this.#confirm(call);
        const isOpen = isAwaited(call.tool) && (confirmed ?? result) == null;
        return isOpen ? await this.#awaitResult(call, said) : confirmed;
      },
    });
  }

  /** `requireConfirmation`: what the model calls at once is asked at once. */
  async #approve({ tool, toolArgs, toolContext }: Call): Promise<Result> {
    const { toolConfirmation, invocationContext } = toolContext;
    if (toolConfirmation !== undefined) return undefined;
    if (!this.#decisions.has(toolArgs)) {
      if (!(await needsApproval(tool, toolArgs, toolContext))) return undefined;
      this.#ask(tool, toolArgs);
      const together = this.#models.calledTogether(invocationContext);
      for (const { id: functionCallId, tool: other, args } of together) {
        const context = new this.#adk.Context({ invocationContext, functionCallId });
        if (await needsApproval(other, args, context)) this.#ask(other, args);
      }
      await Promise.all(together.map(({ args }) => this.#decisions.get(args)));
    }
    const decision = await this.#decisions.get(toolArgs);
    if (decision === undefined) return undefined;
    if (!decision.approved) return { error: decision.message };
    toolContext.toolConfirmation = this.#confirmation(decision);
    return undefined;
  }

  #ask(tool: BaseTool, args: Record<string, unknown>): void {
    if (this.#decisions.has(args)) return;
    this.#models.report();
    this.#decisions.set(args, decide(this.#turn, { tool_name: tool.name, tool_args: args }));
  }

  /** `requestConfirmation`, by a tool as it runs or by a plugin before that. A tool that is denied does not run again. */
  async #confirm(call: Call): Promise<Result> {
    const { tool, toolArgs, toolContext } = call;
    const { functionCallId: id = "", actions, invocationContext } = toolContext;
    let result: Result;
    for (;;) {
      const request = actions.requestedToolConfirmations[id];
      if (request === undefined) return result;
      delete actions.requestedToolConfirmations[id];
      delete actions.skipSummarization;
      this.#models.report();
      const { hint, payload } = request;
      const question = { tool_name: tool.name, tool_args: toolArgs, hint, payload };
      const decision = await decide(this.#turn, question);
      if (!decision.approved) return { error: decision.message };
      toolContext.toolConfirmation = this.#confirmation({ payload, ...decision });
      result = (await invocationContext.pluginManager.runBeforeToolCallback(call)) ?? (await run(call));
    }
  }

  #confirmation({ payload }: { payload?: unknown }) {
    return new this.#adk.ToolConfirmation({ confirmed: true, payload });
  }

  /** A tool that runs long and returns nothing: somebody has to say what came of it. */
  async #awaitResult({ tool, toolArgs, toolContext }: Call, said: (event: Event) => void): Promise<Result> {
    delete toolContext.actions.skipSummarization;
    this.#models.report();
    if (tool.name !== this.#adk.REQUEST_INPUT_FUNCTION_CALL_NAME) {
      const question = { type: "long_running_tool", tool_name: tool.name, tool_args: toolArgs };
      return asResponse(await this.#turn.interrupt(question));
    }
    const answer = await this.#turn.interrupt(inputRequest(toolArgs));
    const { session, sessionService, agent, invocationId, branch, isolationScope } =
      toolContext.invocationContext;
    const asking = { author: agent?.name, invocationId, branch, isolationScope };
    for (const event of conversation(this.#adk, asking, toolArgs.message, answer)) {
      await sessionService?.appendEvent({ session, event });
      said(event);
    }
    return asResponse(answer);
  }
}

async function decide(
  turn: TurnContext,
  question: { tool_name: string; tool_args: unknown; hint?: unknown; payload?: unknown },
): Promise<Decision> {
  let answer: unknown;
  const interrupt = async (payload: unknown) => {
    answer = await turn.interrupt({ ...question, ...(payload as object) });
    return answer;
  };
  const decision = await askApproval({ interrupt }, question.tool_name, question.tool_args);
  const { payload } = (answer ?? {}) as { payload?: unknown };
  return decision.approved && payload !== undefined ? { ...decision, payload } : decision;
}

export const inputRequest = ({ message, payload, response_schema }: Record<string, unknown>): object => ({
  type: "input_request",
  message,
  ...(payload != null && { payload }),
  ...(response_schema != null && { response_schema }),
});

/** An answer as ADK takes a tool's result. */
function asResponse(answer: unknown): Record<string, unknown> {
  const isObject = typeof answer === "object" && answer !== null && !Array.isArray(answer);
  return isObject ? (answer as Record<string, unknown>) : { result: answer };
}

/**
 * A question and its answer as plain messages. ADK shows its model neither the call of `adk_request_input` nor what was
 * answered to it.
 */
export function conversation(
  { createEvent }: Adk,
  asking: { [Key in "author" | "invocationId" | "branch" | "isolationScope"]?: Event[Key] | undefined },
  question: unknown,
  answer: unknown,
): Event[] {
  const { author, invocationId, branch, isolationScope } = asking;
  const place = { author, invocationId, branch, isolationScope } as Partial<Event>;
  const says = (role: string, text: string) => ({ role, parts: [{ text }] });
  return [
    createEvent({ ...place, content: says("model", textOf(question)) }),
    createEvent({ ...place, author: "user", content: says("user", textOf(answer)) }),
  ];
}

async function needsApproval(
  tool: BaseTool,
  args: Record<string, unknown>,
  context: Context,
): Promise<boolean> {
  try {
    return await tool.checkRequireConfirmation(args, context);
  } catch {
    return false; // The arguments do not fit: the tool says so itself, and does not run.
  }
}

async function run({ tool, toolArgs: args, toolContext }: Call): Promise<Result> {
  try {
    return asResponse(await tool.runAsync({ args, toolContext }));
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
