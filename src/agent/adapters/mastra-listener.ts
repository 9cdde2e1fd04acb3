/** Hears what a run of Mastra says, and says it in our words. */
import type { ChunkType } from "@mastra/core/stream";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import type { TurnContext } from "../types.ts";
import { reportUsage, type StepUsage } from "./report-usage.ts";
import { sayToolCall, sayToolResult } from "./say-tool.ts";

/** What a run waits for when it has ended without an answer. */
export type Question = Extract<ChunkType, { type: "tool-call-approval" | "tool-call-suspended" }>;
type Call = { toolCallId: string; toolName: string };

export class MastraListener {
  readonly #turn: TurnContext;
  /** Whether what the model says is held back until it is known what becomes of it. */
  readonly #isHeld: boolean;
  /** The part of this step that reasoned last. */
  #reasoning: string | undefined;

  constructor(turn: TurnContext, isHeld: boolean) {
    this.#turn = turn;
    this.#isHeld = isHeld;
  }

  /** Hears a run to its end, and returns what it waits for. */
  async follow(stream: AsyncIterable<ChunkType>): Promise<Question[]> {
    const questions: Question[] = [];
    for await (const chunk of stream) {
      if (chunk.type === "tool-call-approval" || chunk.type === "tool-call-suspended") questions.push(chunk);
      else this.#hear(chunk);
    }
    // A run that is aborted ends without a word.
    this.#turn.signal.throwIfAborted();
    return questions;
  }

  say(type: "text-delta" | "reasoning-delta", delta = ""): void {
    if (delta !== "") this.#turn.emit({ type, delta });
  }

  /** Says what was held back, as it has become. */
  release(messages: readonly ChatMessage[]): void {
    if (!this.#isHeld) return;
    for (const { role, reasoning, content } of messages) {
      if (role !== "assistant") continue;
      this.say("reasoning-delta", reasoning);
      this.say("text-delta", content);
    }
  }

  #hear(chunk: ChunkType): void {
    switch (chunk.type) {
      case "step-start":
        this.#reasoning = undefined;
        break;
      case "text-delta":
        if (!this.#isHeld) this.say("text-delta", chunk.payload.text);
        break;
      case "reasoning-delta":
        if (!this.#isHeld) this.#hearReasoning(chunk.payload.id, chunk.payload.text);
        break;
      case "tool-call":
        sayToolCall(this.#turn, callOf(chunk.payload), chunk.payload.args);
        break;
      case "tool-result":
        this.#hearResult(chunk.payload, chunk.payload.result, chunk.payload.isError);
        break;
      case "tool-error": {
        const { error } = chunk.payload;
        this.#hearResult(chunk.payload, error instanceof Error ? error.message : error, true);
        break;
      }
      case "tool-output-denied":
        this.#hearResult(chunk.payload, chunk.payload.approval.reason, true);
        break;
      case "step-finish":
        reportUsage(this.#turn, chunk.payload.output.usage);
        break;
      case "tool-output":
        this.#hearInside(chunk.payload.output);
        break;
      default:
        break;
    }
  }

  /** What a model reasons comes in paragraphs, each a part of its own. */
  #hearReasoning(id: string, text: string): void {
    if (text === "") return;
    const isNext = this.#reasoning !== undefined && this.#reasoning !== id;
    this.#reasoning = id;
    this.say("reasoning-delta", isNext ? `\n\n${text}` : text);
  }

  #hearResult(call: Call, output: unknown, isError = false): void {
    sayToolResult(this.#turn, { ...callOf(call), isError }, output);
  }

  /** Of an agent that is called as a tool only the tokens are ours to tell; its chunks come inside those of the tool. */
  #hearInside(chunk: unknown): void {
    const { type, payload } = (chunk ?? {}) as { type?: string; payload?: { output?: unknown } };
    if (type === "tool-output") this.#hearInside(payload?.output);
    else if (type === "step-finish")
      reportUsage(this.#turn, (payload?.output as { usage?: StepUsage } | undefined)?.usage);
  }
}

function callOf({ toolCallId, toolName }: Call) {
  return { id: toolCallId, name: toolName };
}
