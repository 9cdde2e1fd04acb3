/** What passes between ADK and its models in a turn: what they are told besides, what they call, what they cost. */
import type { BasePlugin, BaseTool, Event, InvocationContext, LlmRequest } from "@google/adk";
import type { TurnContext } from "../types.ts";
import { type Adk, pluginOf } from "./google-adk-plugin.ts";

type Part = NonNullable<NonNullable<Event["content"]>["parts"]>[number];
type FunctionCall = NonNullable<Part["functionCall"]>;
type Usage = NonNullable<Event["usageMetadata"]>;

/** One request to a model, and what has come of it so far. */
interface ModelCall {
  tools: Record<string, BaseTool>;
  /** What the model calls at once. */
  calls: FunctionCall[];
  usage?: Usage;
  /** What of the usage is reported. */
  reported: { input: number; output: number; total: number };
}

export class ModelCalls {
  readonly #turn: TurnContext;
  /** The last one of each agent that runs. */
  readonly #last = new WeakMap<InvocationContext, ModelCall>();
  readonly #all: ModelCall[] = [];

  constructor(turn: TurnContext) {
    this.#turn = turn;
  }

  /** @param system What the conversation's system messages say; ADK's history has no place for it. */
  plugin(adk: Adk, system: string): BasePlugin {
    return pluginOf(adk, "motus-models", {
      beforeModelCallback: async ({ callbackContext, llmRequest }) => {
        if (system !== "") instruct(llmRequest, system);
        const { toolsDict: tools } = llmRequest;
        for (const [name, tool] of Object.entries(tools)) if (tool.isLongRunning) tools[name] = awaited(tool);
        this.report();
        const reported = { input: 0, output: 0, total: 0 };
        const call: ModelCall = { tools, calls: [], reported };
        this.#last.set(callbackContext.invocationContext, call);
        this.#all.push(call);
        return undefined;
      },
      afterModelCallback: async ({ callbackContext, llmResponse: { content, usageMetadata } }) => {
        const call = this.#last.get(callbackContext.invocationContext);
        if (call === undefined) return undefined;
        // A stream tells of its costs several times, each time of all until then.
        if (usageMetadata !== undefined) call.usage = usageMetadata;
        const calls = content?.parts?.flatMap(({ functionCall }) => functionCall ?? []) ?? [];
        for (const called of calls) called.args ??= {};
        if (calls.length > 0) call.calls = calls;
        return undefined;
      },
    });
  }

  /** What the model of an agent has called together, with the tools that it means. */
  calledTogether(
    invocation: InvocationContext,
  ): { id: string; tool: BaseTool; args: Record<string, unknown> }[] {
    const { tools = {}, calls = [] } = this.#last.get(invocation) ?? {};
    return calls.flatMap(({ id = "", name = "", args = {} }) => {
      const tool = tools[name];
      return tool === undefined ? [] : [{ id, tool, args }];
    });
  }

  /** Reports what is not reported yet. */
  report(): void {
    for (const { usage, reported } of this.#all) {
      if (usage === undefined) continue;
      const input = (usage.promptTokenCount ?? 0) + (usage.toolUsePromptTokenCount ?? 0);
      const output = (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0);
      const total = usage.totalTokenCount ?? input + output;
      const added = {
        input_tokens: Math.max(0, input - reported.input),
        output_tokens: Math.max(0, output - reported.output),
        total_tokens: Math.max(0, total - reported.total),
      };
      Object.assign(reported, { input, output, total });
      if (Object.values(added).some((count) => count > 0)) this.#turn.reportUsage(added);
    }
  }
}

const longRunning = Symbol("long running");

/** Whether a tool may come back without a result, for which somebody then has to wait. */
export function isAwaited(tool: BaseTool): boolean {
  return Reflect.get(tool, longRunning) === true;
}

/** A tool that runs long, as one that does not: ADK would end the run, or the node of a Workflow, at its call. */
function awaited(tool: BaseTool): BaseTool {
  // A node of a Workflow that is a tool asks by itself; ADK goes on with it in its own way.
  if (Symbol.for("google.adk.workflow.nodeTool") in tool || isAwaited(tool)) return tool;
  return new Proxy(tool, {
    get(target, key) {
      if (key === longRunning) return true;
      if (key === "isLongRunning") return false;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value; // It may have private fields.
    },
  });
}

/** Adds to an agent's own instructions, in whatever form it has them. */
function instruct(request: LlmRequest, system: string): void {
  request.config ??= {};
  const { config } = request;
  const own = config.systemInstruction ?? "";
  if (typeof own === "string") config.systemInstruction = own === "" ? system : `${own}\n\n${system}`;
  else if (Array.isArray(own)) config.systemInstruction = [...own, system];
  else if ("parts" in own)
    config.systemInstruction = { ...own, parts: [...(own.parts ?? []), { text: system }] };
  else config.systemInstruction = [own as Part, system];
}
