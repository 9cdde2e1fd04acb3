/**
 * Reasoning in the form that its provider wants back, as OpenRouter writes it in `reasoning_details`
 * (https://openrouter.ai/docs/use-cases/reasoning-tokens). Only what a provider signed or encrypted is kept there, and it
 * is given back to the format that it came from and to no other.
 */
import type { ChatMessage } from "../../protocol/chat-message.ts";

export type ReasoningFormat = "anthropic-claude-v1" | "openai-responses-v1" | "google-gemini-v1";

export type ReasoningDetail = { format: ReasoningFormat; id?: string } & (
  | { type: "reasoning.text"; text: string; signature: string }
  | { type: "reasoning.encrypted"; data: string }
);

/** The details of a message that a provider's format can take back. */
export function reasoningDetails(
  { reasoning_details = [] }: ChatMessage,
  format: ReasoningFormat,
): ReasoningDetail[] {
  return reasoning_details.filter((detail): detail is ReasoningDetail => isDetail(detail, format));
}

function isDetail(value: unknown, format: ReasoningFormat): boolean {
  if (typeof value !== "object" || value === null) return false;
  const detail = value as Partial<Record<"format" | "type" | "text" | "signature" | "data", unknown>>;
  if (detail.format !== format) return false;
  if (detail.type === "reasoning.encrypted") return typeof detail.data === "string";
  return (
    detail.type === "reasoning.text" &&
    typeof detail.text === "string" &&
    typeof detail.signature === "string"
  );
}
