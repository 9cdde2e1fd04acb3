/** Hears what a run of the AI SDK says, says it in our words, and asks a person what the run may not decide. */
import type { Output, StreamTextResult, TextStreamPart, ToolContent, ToolSet } from "ai";
import type { TurnContext } from "../types.ts";
import { askApproval } from "./ask-approval.ts";
import { textOf } from "./message-parts.ts";

export type Result = Pick<
  StreamTextResult<ToolSet, Record<string, unknown>, Output.Output>,
  "stream" | "responseMessages" | "finalStep" | "output"
>;
type Part = TextStreamPart<ToolSet>;
type Asked = Extract<Part, { type: "tool-approval-request" }>;
type Decision = Extract<ToolContent[number], { type: "tool-approval-response" }>;
type Usage = Extract<Part, { type: "finish-step" }>["usage"];

export class Listener {
  /** How many times the model was asked. */
  steps = 0;
  readonly #turn: TurnContext;
  /** Why calls were denied, by their ids. */
  readonly #denials = new Map<string, string | undefined>();
  /** The part of this step that reasoned last. */
  #reasoning: string | undefined;

  constructor(turn: TurnContext) {
    this.#turn = turn;
  }

  /** Hears a run to its end, and returns the calls that wait for a person. */
  async follow({ stream }: Result): Promise<Asked[]> {
    const asked: Asked[] = [];
    for await (const part of stream) {
      if (part.type === "tool-approval-request") {
        if (part.isAutomatic !== true) asked.push(part);
      } else this.#hear(part);
    }
    this.#turn.signal.throwIfAborted();
    return asked;
  }

  async decide({ approvalId, toolCall }: Asked): Promise<Decision> {
    const { toolCallId, toolName, input, providerExecuted } = toolCall;
    const decision = await askApproval(this.#turn, toolName, input);
    const reason = decision.approved ? undefined : decision.message;
    if (!decision.approved) this.#denials.set(toolCallId, reason);
    return {
      type: "tool-approval-response",
      approvalId,
      approved: decision.approved,
      ...(reason !== undefined && { reason }),
      ...(providerExecuted !== undefined && { providerExecuted }),
    };
  }

  #hear(part: Part): void {
    switch (part.type) {
      case "start-step":
        this.steps += 1;
        this.#reasoning = undefined;
        return;
      case "text-delta":
        if (part.text !== "") this.#turn.emit({ type: "text-delta", delta: part.text });
        return;
      case "reasoning-delta":
        this.#hearReasoning(part.id, part.text);
        return;
      case "tool-call":
        this.#turn.emit({ type: "tool-call", ...namesOf(part), input: part.input ?? null });
        return;
      case "tool-result":
        if (part.preliminary !== true) this.#hearResult(part, part.output);
        return;
      case "tool-error":
        this.#hearResult(part, errorText(part.error), true);
        return;
      case "tool-approval-response":
        if (!part.approved) this.#denials.set(part.toolCall.toolCallId, part.reason);
        return;
      case "tool-output-denied":
        this.#hearResult(part, this.#denials.get(part.toolCallId) ?? "This call was denied.", true);
        return;
      case "finish-step":
        this.#reportUsage(part.usage);
        return;
      case "error":
        throw part.error;
      case "abort":
        this.#turn.signal.throwIfAborted();
        throw new Error(`The agent was stopped: ${part.reason ?? "it gave no reason"}`);
      default:
        return;
    }
  }

  /** What a model reasons comes in paragraphs, each a part of its own. */
  #hearReasoning(id: string, text: string): void {
    if (text === "") return;
    const isNext = this.#reasoning !== undefined && this.#reasoning !== id;
    this.#reasoning = id;
    this.#turn.emit({ type: "reasoning-delta", delta: isNext ? `\n\n${text}` : text });
  }

  /** What is too long to be said is still the model's and the conversation's. */
  #hearResult(call: { toolCallId: string; toolName: string }, output: unknown, is_error = false): void {
    const result = { type: "tool-result", ...namesOf(call), is_error } as const;
    try {
      this.#turn.emit({ ...result, output: output ?? null });
    } catch (error) {
      this.#turn.emit({ ...result, output: `Not shown. ${errorText(error)}` });
    }
  }

  /** Each step is reported when it ends, so that a turn that fails later has said what it cost until then. */
  #reportUsage({ inputTokens, outputTokens, totalTokens }: Usage): void {
    if (inputTokens === undefined && outputTokens === undefined) return;
    this.#turn.reportUsage({
      input_tokens: inputTokens ?? 0,
      output_tokens: outputTokens ?? 0,
      ...(totalTokens !== undefined && { total_tokens: totalTokens }),
    });
  }
}

function namesOf({ toolCallId, toolName }: { toolCallId: string; toolName: string }) {
  return { tool_call_id: toolCallId, tool_name: toolName };
}

/** What the model is told of an error, too. */
function errorText(error: unknown): string {
  const isError = typeof error === "object" && error !== null && "message" in error;
  return isError ? String(error) : textOf(error);
}
