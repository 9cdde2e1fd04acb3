/** One turn of a `ToolRunner` of `motus-serve/anthropic`. */
import type {
  BetaContentBlock,
  BetaMessage,
  BetaMessageParam,
  BetaToolResultBlockParam,
  BetaToolRunner,
  BetaToolUseBlock,
  BetaUsage,
} from "@anthropic-ai/sdk/resources/beta/messages";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { AnthropicClient } from "../anthropic.ts";
import type { Turn, TurnContext } from "../types.ts";
import { answerOf } from "./anthropic-answer.ts";
import { fromReply, fromResult, isReplayed, toMessages } from "./anthropic-messages.ts";
import { type TurnOptions, toRequest } from "./anthropic-request.ts";
import { askApproval } from "./ask-approval.ts";
import { sayToolCall, sayToolResult } from "./say-tool.ts";

type Runner = BetaToolRunner<true>;
type Stream = Runner extends { [Symbol.asyncIterator](): AsyncIterator<infer Item> } ? Item : never;

export class AnthropicTurn {
  readonly #client: AnthropicClient;
  readonly #options: TurnOptions;
  readonly #turn: TurnContext;
  #instructions: string[] = [];
  #replies = 0;
  /** What this turn has added. */
  #added: ChatMessage[] = [];
  /** Whether the next turn will send all of it as it was sent or said in this one. */
  #isReplayed = true;

  constructor(client: AnthropicClient, options: TurnOptions, turn: TurnContext) {
    this.#client = client;
    this.#options = options;
    this.#turn = turn;
  }

  async run(message: ChatMessage, state: ChatMessage[]): Promise<Turn> {
    const before = [...state, message];
    this.#instructions = before.flatMap(({ role, content }) => (role === "system" && content ? content : []));
    try {
      const answer = await this.#converse(before);
      return [answer, [...before, ...this.#added]];
    } catch (error) {
      // What fails after the signal fails because of it, in the SDK's own words.
      this.#turn.signal.throwIfAborted();
      throw explained(error);
    }
  }

  /** Asks with the reasoning of earlier turns, and without it where Claude does not take it back. */
  async #converse(before: readonly ChatMessage[]): Promise<ChatMessage> {
    try {
      return await this.#follow(this.#start(toMessages(before)));
    } catch (error) {
      const wasGiven = before.some(({ reasoning_details }) => reasoning_details !== undefined);
      if (!wasGiven || this.#replies > 0 || !isAboutReasoning(error)) throw error;
      this.#isReplayed = false;
      const plain = before.map(({ reasoning_details: _, ...message }) => message);
      return await this.#follow(this.#start(toMessages(plain)));
    }
  }

  #start(messages: BetaMessageParam[]): Runner {
    const request = toRequest(this.#options, this.#instructions, messages);
    return this.#client.beta.messages.toolRunner(request, { signal: this.#turn.signal });
  }

  async #follow(runner: Runner): Promise<ChatMessage> {
    /** What replies have begun that the next one goes on with. */
    let begun: BetaContentBlock[] = [];
    for await (const stream of runner) {
      const reply = await this.#hear(stream);
      const blocks = [...begun, ...reply.content];
      const mayGoOn = this.#replies < this.#options.max_iterations;
      if (mayGoOn && (reply.stop_reason === "pause_turn" || reply.stop_reason === "compaction")) {
        begun = blocks;
      } else if (mayGoOn && reply.stop_reason === "tool_use") {
        begun = [];
        this.#keep(fromReply(blocks), blocks);
        await this.#runTools(runner, reply.content);
      } else {
        return this.#end(reply, blocks);
      }
    }
    throw new Error("The model's reply ended without an answer");
  }

  /** Says what a reply says, while it comes. */
  async #hear(stream: Stream): Promise<BetaMessage> {
    let usage: BetaUsage | undefined;
    stream.on("text", (delta) => this.#say("text-delta", delta));
    stream.on("thinking", (delta) => this.#say("reasoning-delta", delta));
    stream.on("streamEvent", (_, soFar) => {
      usage = soFar.usage;
    });
    try {
      const reply = await stream.finalMessage();
      this.#replies += 1;
      return reply;
    } finally {
      if (usage !== undefined) this.#reportUsage(usage);
    }
  }

  #say(type: "text-delta" | "reasoning-delta", delta: string): void {
    if (delta !== "") this.#turn.emit({ type, delta });
  }

  /** Runs what a reply calls, after a person was asked about what needs that. */
  async #runTools(runner: Runner, content: BetaContentBlock[]): Promise<void> {
    const calls = content.filter((block) => block.type === "tool_use");
    for (const call of calls) sayToolCall(this.#turn, call, call.input);
    const denials = (await Promise.all(calls.map((call) => this.#denialOf(call)))).flat();
    const results = denials.length === 0 ? await this.#resultsOf(runner) : denials;
    if (denials.length > 0) {
      const allowed = calls.filter(({ id }) => !denials.some((denial) => denial.tool_use_id === id));
      // A runner of its own runs the others, without a request.
      if (allowed.length > 0)
        results.push(...(await this.#resultsOf(this.#start([{ role: "assistant", content: allowed }]))));
      runner.pushMessages({ role: "assistant", content }, { role: "user", content: results });
    }
    for (const result of results) this.#keepResult(result, calls);
  }

  async #denialOf(call: BetaToolUseBlock): Promise<BetaToolResultBlockParam[]> {
    if (!(await this.#needsApproval(call))) return [];
    const decision = await askApproval(this.#turn, call.name, call.input);
    if (decision.approved) return [];
    const { id: tool_use_id, toolset_name } = call;
    const denial = { type: "tool_result", tool_use_id, content: decision.message, is_error: true } as const;
    return [toolset_name ? { ...denial, toolset_name } : denial];
  }

  #needsApproval({ name, input, toolset_name }: BetaToolUseBlock): boolean | Promise<boolean> {
    const { requiresApproval = false } = this.#options;
    if (typeof requiresApproval === "boolean") return requiresApproval;
    if (typeof requiresApproval === "function") return requiresApproval(name, input);
    return requiresApproval.includes(toolset_name || name);
  }

  async #resultsOf(runner: Runner): Promise<BetaToolResultBlockParam[]> {
    const response = await runner.generateToolResponse(this.#turn.signal);
    this.#turn.signal.throwIfAborted();
    const content = response?.content ?? [];
    return typeof content === "string" ? [] : content.filter((block) => block.type === "tool_result");
  }

  #keepResult(result: BetaToolResultBlockParam, calls: readonly BetaToolUseBlock[]): void {
    const { tool_use_id: id, is_error: isError } = result;
    const name = calls.find((call) => call.id === id)?.name ?? "";
    const message = fromResult(result, name);
    this.#keep(message, [result]);
    sayToolResult(this.#turn, { id, name, isError }, message.content);
  }

  #end(reply: BetaMessage, blocks: BetaContentBlock[]): ChatMessage {
    const { answer, addition } = answerOf(reply, fromReply(blocks), this.#options);
    this.#say("text-delta", addition);
    // That an answer was cut off or refused is nothing that a reader should have to guess.
    if (reply.stop_reason !== "end_turn")
      this.#turn.emit({ type: "custom", name: "stop_reason", data: reply.stop_reason });
    return this.#keep(answer, blocks);
  }

  /** Keeps a message; its reasoning with the signature only where that will hold. */
  #keep(message: ChatMessage, blocks: Parameters<typeof isReplayed>[1]): ChatMessage {
    this.#isReplayed &&= isReplayed(message, blocks);
    const { reasoning_details, ...unsigned } = message;
    const kept = this.#isReplayed ? message : unsigned;
    this.#added.push(kept);
    return kept;
  }

  #reportUsage(usage: BetaUsage): void {
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = usage;
    this.#turn.reportUsage({
      input_tokens: input_tokens + (cache_creation_input_tokens ?? 0) + (cache_read_input_tokens ?? 0),
      output_tokens,
    });
  }
}

/** Whether Claude refuses reasoning that it was given back, because something before it has changed. */
function isAboutReasoning(error: unknown): boolean {
  const { status, message } = (error ?? {}) as { status?: unknown; message?: unknown };
  return status === 400 && /thinking/.test(String(message));
}

/** The one failure that the SDK has too many words for. */
function explained(error: unknown): unknown {
  if (!(error instanceof Error) || !error.message.startsWith("Could not resolve authentication"))
    return error;
  return new Error("Cannot ask the model: Anthropic has no key; set ANTHROPIC_API_KEY", { cause: error });
}
