/** Hears what a run of the AI SDK says, says it in our words, and asks a person what the run may not decide. */
import type { Output, StreamTextResult, TextStreamPart, ToolContent, ToolSet } from "ai";
import type { TurnContext } from "../types.ts";
import { askApproval } from "./ask-approval.ts";
import { reportUsage } from "./report-usage.ts";
import { errorText, sayToolCall, sayToolResult } from "./say-tool.ts";

export type Result = Pick<
  StreamTextResult<ToolSet, Record<string, unknown>, Output.Output>,
  "stream" | "responseMessages" | "finalStep" | "output"
>;
type Part = TextStreamPart<ToolSet>;
type Asked = Extract<Part, { type: "tool-approval-request" }>;
type Decision = Extract<ToolContent[number], { type: "tool-approval-response" }>;

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
        sayToolCall(this.#turn, callOf(part), part.input);
        return;
      case "tool-result":
        if (part.preliminary !== true) sayToolResult(this.#turn, callOf(part), part.output);
        return;
      case "tool-error":
        this.#hearFailure(part, errorText(part.error));
        return;
      case "tool-approval-response":
        if (!part.approved) this.#denials.set(part.toolCall.toolCallId, part.reason);
        return;
      case "tool-output-denied":
        this.#hearFailure(part, this.#denials.get(part.toolCallId) ?? "This call was denied.");
        return;
      case "finish-step":
        reportUsage(this.#turn, part.usage);
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

  #hearFailure(call: { toolCallId: string; toolName: string }, why: string): void {
    sayToolResult(this.#turn, { ...callOf(call), isError: true }, why);
  }
}

function callOf({ toolCallId, toolName }: { toolCallId: string; toolName: string }) {
  return { id: toolCallId, name: toolName };
}
