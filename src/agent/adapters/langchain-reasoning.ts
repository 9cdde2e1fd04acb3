/** What models reasoned, as the packages of LangChain's providers have it in their messages, and back. */
import type { AIMessage, BaseMessage } from "@langchain/core/messages";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { blocksOf } from "./langchain-content.ts";
import { type ReasoningDetail, reasoningDetails } from "./reasoning-details.ts";

const claude = "anthropic-claude-v1";
const openai = "openai-responses-v1";

/** What the model reasoned, in a message or in a piece of one. */
export function reasoningIn({ content, additional_kwargs: extra }: BaseMessage): string {
  const texts = blocksOf(content).map(({ type, reasoning, thinking }) =>
    type === "reasoning" ? reasoning : type === "thinking" ? thinking : "",
  );
  const text = texts.filter((part) => typeof part === "string").join("");
  return text === "" && typeof extra.reasoning_content === "string" ? extra.reasoning_content : text;
}

/** What carries the signature or the encryption that lets its provider take it back. */
export function detailsIn({ content, additional_kwargs: extra }: AIMessage): ReasoningDetail[] {
  const details = blocksOf(content).flatMap(({ type, thinking, signature, data }): ReasoningDetail[] => {
    if (type === "redacted_thinking")
      return [{ type: "reasoning.encrypted", data: String(data), format: claude }];
    if (type !== "thinking" || typeof signature !== "string") return [];
    return [{ type: "reasoning.text", text: String(thinking), signature, format: claude }];
  });
  const { encrypted_content: data, id } = (extra.reasoning ?? {}) as Record<string, unknown>;
  if (typeof data !== "string") return details;
  const named = typeof id === "string" && { id };
  return [...details, { type: "reasoning.encrypted", data, format: openai, ...named }];
}

/** A message's reasoning as blocks of a message to Claude. */
export function thinkingBlocks(message: ChatMessage): { type: string }[] {
  return reasoningDetails(message, claude).map((detail) =>
    detail.type === "reasoning.text"
      ? { type: "thinking", ...{ thinking: detail.text, signature: detail.signature } }
      : { type: "redacted_thinking", ...{ data: detail.data } },
  );
}

/** A message's reasoning as items of OpenAI's Responses API. */
export function reasoningItems(message: ChatMessage): object[] {
  return reasoningDetails(message, openai).flatMap((detail) => {
    if (detail.type !== "reasoning.encrypted") return [];
    const { id, data } = detail;
    return [{ type: "reasoning", ...(id !== undefined && { id }), summary: [], encrypted_content: data }];
  });
}
