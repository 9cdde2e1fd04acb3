/**
 * Agents of the OpenAI Agents SDK (`@openai/agents`).
 *
 * A tripped guardrail is an answer, not a failure: the turn completes with a refusal. After a handoff the next turn
 * starts with the agent that spoke last, which is kept as the `name` of its message.
 */
import type { Agent, AgentInputItem, RunToolApprovalItem, StreamedRunResult } from "@openai/agents";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { Turn, TurnContext } from "../types.ts";
import type { Adapt } from "./adapter.ts";
import { askApproval } from "./ask-approval.ts";
import { parseJson, textOf } from "./message-parts.ts";
import { fromItems, toItems } from "./openai-agents-items.ts";
import { sayToolCall, sayToolResult } from "./say-tool.ts";

type Sdk = Pick<typeof import("@openai/agents"), "run" | "getGlobalTraceProvider">;
// biome-ignore lint/suspicious/noExplicitAny: the SDK's own way to say "any agent"
type AnyAgent = Agent<any, any>;
// biome-ignore lint/suspicious/noExplicitAny: the same
type Run = StreamedRunResult<any, AnyAgent>;

export const adapt: Adapt = async (value, sdk) => {
  const agent = value as AnyAgent;
  const { run, getGlobalTraceProvider } = await sdk.import<Sdk>("@openai/agents");
  // biome-ignore lint/style/noProcessEnv: the SDK reads its key from there
  const hasKey = Boolean(process.env.OPENAI_API_KEY);
  return {
    run: async (message, state, turn) => {
      const ended = await new OpenAiTurn(run, agent, turn).run(message, state);
      // Traces are off unless the user wants them. They are sent now and then, and this process ends now.
      await getGlobalTraceProvider().forceFlush();
      return ended;
    },
    ...(typeof agent.model === "string" &&
      !hasKey && {
        warnings: [
          "OPENAI_API_KEY is not set; turns will fail unless the agent's own code gives the SDK a key",
        ],
      }),
  };
};

class OpenAiTurn {
  readonly #run: Sdk["run"];
  readonly #agent: AnyAgent;
  readonly #turn: TurnContext;
  /** Whether what the model says is held back until it is known to be allowed. */
  readonly #isGuarded: boolean;
  /** Calls that were said: a run that goes on after an approval says them again. */
  readonly #called = new Set<string>();
  #held = { "text-delta": "", "reasoning-delta": "" };

  constructor(run: Sdk["run"], agent: AnyAgent, turn: TurnContext) {
    this.#run = run;
    this.#agent = agent;
    this.#turn = turn;
    this.#isGuarded = [...reachable(agent)].some(({ outputGuardrails }) => outputGuardrails.length > 0);
  }

  async run(message: ChatMessage, state: ChatMessage[]): Promise<Turn> {
    const before = [...state, message];
    let result: Run | undefined;
    try {
      const options = { stream: true, signal: this.#turn.signal } as const;
      result = await this.#run(speaker(this.#agent, state), toItems(before), options);
      await this.#follow(result);
      while (result.interruptions.length > 0) {
        await Promise.all(result.interruptions.map((call) => this.#decide(call, result as Run)));
        result = await this.#run(this.#agent, result.state, options);
        await this.#follow(result);
      }
      this.#release();
      return this.#answer(result, before);
    } catch (error) {
      const guardrail = trippedGuardrail(error);
      if (guardrail === undefined) throw error;
      const refusal: ChatMessage = { role: "assistant", content: `Refused by the guardrail "${guardrail}".` };
      this.#turn.emit({ type: "text-delta", delta: refusal.content ?? "" });
      return [refusal, [...before, refusal]];
    } finally {
      this.#reportUsage(result);
    }
  }

  /** Says what happens in a run until it ends. */
  async #follow(result: Run): Promise<void> {
    for await (const event of result) {
      if (event.type === "raw_model_stream_event") this.#hearModel(event.data);
      else if (event.type === "run_item_stream_event") this.#hearItem(event.item.rawItem, event.item);
    }
    await result.completed;
    // A run that is aborted ends without a word.
    if (result.cancelled) throw this.#turn.signal.reason;
  }

  #hearModel(data: { type: string; delta?: unknown; event?: unknown }): void {
    if (data.type === "output_text_delta") this.#say("text-delta", data.delta);
    else if (data.type === "model") this.#say("reasoning-delta", reasoningIn(data.event));
  }

  #say(type: "text-delta" | "reasoning-delta", delta: unknown): void {
    if (typeof delta !== "string" || delta === "") return;
    if (this.#isGuarded) this.#held[type] += delta;
    else this.#turn.emit({ type, delta });
  }

  #release(): void {
    for (const type of ["reasoning-delta", "text-delta"] as const)
      if (this.#held[type] !== "") this.#turn.emit({ type, delta: this.#held[type] });
  }

  #hearItem(raw: unknown, item: object): void {
    const { type, callId, name } = raw as { type?: string; callId?: string; name?: string };
    if (callId === undefined || name === undefined) return;
    const call = { id: callId, name };
    if (type === "function_call" && !this.#called.has(callId)) {
      this.#called.add(callId);
      sayToolCall(this.#turn, call, parseJson((raw as { arguments: string }).arguments || "{}"));
    } else if (type === "function_call_result") {
      sayToolResult(this.#turn, call, "output" in item ? item.output : (raw as { output: unknown }).output);
    }
  }

  async #decide(call: RunToolApprovalItem, { state }: Run): Promise<void> {
    const decision = await askApproval(this.#turn, call.name ?? "", parseJson(call.arguments || "{}"));
    if (decision.approved) state.approve(call);
    else state.reject(call, { message: decision.message });
  }

  #answer(result: Run, before: ChatMessage[]): Turn {
    const added = fromItems(result.output as AgentInputItem[]);
    const content = textOf(result.finalOutput);
    const last = added.at(-1);
    // A tool may give the final answer, and a structured one is what it was parsed to.
    const isSaid = last?.role === "assistant" && last.tool_calls === undefined;
    const answering = result.lastAgent;
    const response: ChatMessage = {
      ...(isSaid && last),
      role: "assistant",
      content,
      ...(answering !== undefined && answering !== this.#agent && { name: answering.name }),
    };
    return [response, [...before, ...(isSaid ? added.slice(0, -1) : added), response]];
  }

  #reportUsage(result: Run | undefined): void {
    const usage = result?.state.usage;
    if (usage === undefined || usage.requests === 0) return;
    const { inputTokens: input_tokens, outputTokens: output_tokens, totalTokens: total_tokens } = usage;
    this.#turn.reportUsage({ input_tokens, output_tokens, total_tokens });
  }
}

/** The agent that the next turn starts with: the one that spoke last, if it can still be reached. */
function speaker(agent: AnyAgent, state: readonly ChatMessage[]): AnyAgent {
  const name = state.findLast(({ role }) => role === "assistant")?.name;
  if (name === undefined) return agent;
  return [...reachable(agent)].find((candidate) => candidate.name === name) ?? agent;
}

/** An agent and all that it can hand off to. */
function reachable(agent: AnyAgent, found = new Set<AnyAgent>()): Set<AnyAgent> {
  if (found.has(agent)) return found;
  found.add(agent);
  for (const next of agent.handoffs) reachable("onInvokeHandoff" in next ? next.agent : next, found);
  return found;
}

/** The name of the guardrail that an error tells of; a tool's guardrail is wrapped in a tool's error. */
function trippedGuardrail(error: unknown): string | undefined {
  const { error: inner, result } = (error ?? {}) as { error?: unknown; result?: unknown };
  const { guardrail, output } = (result ?? {}) as {
    guardrail?: { name?: string };
    output?: { tripwireTriggered?: boolean; behavior?: { type?: string } };
  };
  if (output?.tripwireTriggered === true || output?.behavior?.type === "throwException")
    return guardrail?.name ?? "unnamed";
  return inner === undefined || inner === error ? undefined : trippedGuardrail(inner);
}

/** What a provider's own event says of the model's reasoning, in the Responses or the Chat Completions format. */
function reasoningIn(event: unknown): unknown {
  const { type, delta, choices } = (event ?? {}) as {
    type?: string;
    delta?: unknown;
    choices?: { delta?: { reasoning?: unknown; reasoning_content?: unknown } }[];
  };
  if (type === "response.reasoning_summary_text.delta" || type === "response.reasoning_text.delta")
    return delta;
  const chunk = choices?.[0]?.delta;
  return chunk?.reasoning ?? chunk?.reasoning_content;
}
