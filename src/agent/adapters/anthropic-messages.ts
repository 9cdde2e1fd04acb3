/**
 * A conversation as messages of Anthropic's API, and back.
 *
 * Claude's reasoning is signed, and a signature holds only while all that stood before it is sent again as it was. So
 * each message is translated by itself, the same way every time, and `isReplayed` tells whether what was sent or said
 * within a turn is what will be sent on the next one.
 */
import type {
  BetaContentBlock,
  BetaContentBlockParam,
  BetaImageBlockParam,
  BetaMessageParam,
  BetaToolResultBlockParam,
} from "@anthropic-ai/sdk/resources/beta/messages";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { argumentsOf, imageOf, toolCall } from "./message-parts.ts";
import { type ReasoningDetail, reasoningDetails } from "./reasoning-details.ts";

const format = "anthropic-claude-v1";

/** The conversation without its system messages, which Anthropic takes apart from the others. */
export function toMessages(messages: readonly ChatMessage[]): BetaMessageParam[] {
  const translated: BetaMessageParam[] = [];
  /** Calls of the last assistant's message that have no result yet, and the results so far. */
  let open = new Set<string>();
  let results: BetaContentBlockParam[] = [];
  const close = () => {
    // Anthropic takes no call without a result, and a conversation may come from anywhere.
    for (const id of open) results.push({ ...resultOf({ role: "tool", tool_call_id: id }), is_error: true });
    open = new Set();
  };
  for (const message of messages) {
    if (message.role === "tool") {
      const result = resultOf(message);
      if (open.delete(result.tool_use_id)) results.push(result);
      continue;
    }
    close();
    const content = message.role === "system" ? [] : blocksOf(message);
    if (content.length === 0) continue;
    translated.push({ role: message.role === "assistant" ? "assistant" : "user", content });
    open = new Set(content.flatMap((block) => (block.type === "tool_use" ? block.id : [])));
    if (open.size > 0) {
      results = [];
      translated.push({ role: "user", content: results });
    }
  }
  close();
  return translated;
}

/** What a model has said, in as many blocks as it liked. */
export function fromReply(blocks: readonly BetaContentBlock[]): ChatMessage {
  const text = blocks.map((block) => (block.type === "text" ? block.text : "")).join("");
  const reasoning = blocks.map((block) => (block.type === "thinking" ? block.thinking : "")).join("");
  const details = blocks.flatMap(detailOf);
  const calls = blocks.flatMap((block) =>
    block.type === "tool_use" ? toolCall(block.id, block.name, block.input) : [],
  );
  return {
    role: "assistant",
    ...((text !== "" || calls.length === 0) && { content: text }),
    ...(reasoning !== "" && { reasoning }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...(calls.length > 0 && { tool_calls: calls }),
  };
}

/** A tool's result; of several images the first is kept. */
export function fromResult(result: BetaToolResultBlockParam, name: string): ChatMessage {
  const { content = "", tool_use_id, is_error } = result;
  const parts = typeof content === "string" ? [{ type: "text" as const, text: content }] : content;
  const image = parts.map(dataUrlOf).find((url) => url !== undefined);
  const texts = parts.map((part) => (part.type === "text" ? part.text : `[${part.type}]`));
  return {
    role: "tool",
    content: texts.join("\n"),
    tool_call_id: tool_use_id,
    name,
    ...(image !== undefined && { base64_image: image }),
    ...(is_error === true && { is_error }),
  };
}

/** Whether a message stands for exactly these blocks, when it is sent again. */
export function isReplayed(
  message: ChatMessage,
  blocks: readonly (BetaContentBlock | BetaToolResultBlockParam)[],
): boolean {
  const again = message.role === "tool" ? [resultOf(message)] : blocksOf(message);
  return Bun.deepEquals(blocks.map(bare), again.map(bare));
}

function blocksOf(message: ChatMessage): BetaContentBlockParam[] {
  const { content = "", tool_calls = [] } = message;
  // A text without a letter is refused.
  const text: BetaContentBlockParam[] = content.trim() === "" ? [] : [{ type: "text", text: content }];
  if (message.role !== "assistant") return [...imageBlocks(message), ...text];
  const calls = tool_calls.map((call) => ({
    type: "tool_use" as const,
    id: validId(call.id),
    name: call.function.name,
    input: objectOf(argumentsOf(call)),
  }));
  return [...thinkingBlocks(message), ...text, ...calls];
}

function resultOf(message: ChatMessage): BetaToolResultBlockParam {
  const { content = "This call has no result.", tool_call_id = "" } = message;
  const images = imageBlocks(message);
  const text = content === "" ? [] : [{ type: "text" as const, text: content }];
  const { is_error } = message as { is_error?: unknown };
  return {
    type: "tool_result",
    tool_use_id: validId(tool_call_id),
    content: images.length === 0 ? content : [...text, ...images],
    ...(is_error === true && { is_error }),
  };
}

function imageBlocks(message: ChatMessage): BetaImageBlockParam[] {
  const image = imageOf(message);
  if (image === undefined) return [];
  // Which types it takes is for the API to say.
  const media_type = image.mediaType as "image/png";
  return [{ type: "image", source: { type: "base64", media_type, data: image.base64 } }];
}

function thinkingBlocks(message: ChatMessage): BetaContentBlockParam[] {
  return reasoningDetails(message, format).map((detail) =>
    detail.type === "reasoning.text"
      ? { type: "thinking", thinking: detail.text, signature: detail.signature }
      : { type: "redacted_thinking", data: detail.data },
  );
}

function detailOf(block: BetaContentBlock): ReasoningDetail[] {
  if (block.type === "redacted_thinking") return [{ type: "reasoning.encrypted", data: block.data, format }];
  if (block.type !== "thinking" || block.signature === "") return [];
  return [{ type: "reasoning.text", text: block.thinking, signature: block.signature, format }];
}

function dataUrlOf(part: Exclude<BetaToolResultBlockParam["content"], string | undefined>[number]) {
  if (part.type !== "image" || part.source.type !== "base64") return undefined;
  return `data:${part.source.media_type};base64,${part.source.data}`;
}

/** A block without what says nothing, and a content of one text as that text, which is the same to the API. */
function bare(block: object): object {
  const fields = Object.entries(block).filter(([key, value]) => value != null && key !== "caller");
  const plain: { content?: unknown } = Object.fromEntries(fields);
  const [only, ...others] = Array.isArray(plain.content) ? plain.content : [];
  if (only?.type === "text" && others.length === 0) plain.content = only.text;
  return plain;
}

/** Other providers' ids have signs that Anthropic refuses. */
function validId(id: string): string {
  return id.replace(/[^a-zA-Z0-9_-]/g, "_");
}

function objectOf(value: unknown): object {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { value };
}
