/** What is in a message of LangChain's, or in a piece of one. */
import type { AIMessage, BaseMessage, ToolMessage } from "@langchain/core/messages";
import { parseJson, textOf } from "./message-parts.ts";

/** The text of a message or of a piece of one; a model may also say that it refuses. */
export function textIn({ content, additional_kwargs: { refusal } }: BaseMessage): string {
  const texts = typeof content === "string" ? [content] : blocksOf(content).flatMap(textBlock);
  const text = texts.join("");
  return text === "" && typeof refusal === "string" ? refusal : text;
}

function textBlock({ type, text }: Record<string, unknown>): string[] {
  return type === "text" && typeof text === "string" ? [text] : [];
}

/** The text of a tool's result. What has neither text nor image becomes JSON. */
export function resultIn(message: ToolMessage): string {
  const blocks = blocksOf(message.content);
  const isReadable = blocks.length === 0 || blocks.some(({ type }) => readable.has(String(type)));
  return isReadable ? textIn(message) : textOf(blocks);
}

const readable = new Set(["text", "image", "image_url"]);

/** The first image in a message of a model or a tool. */
export function imageIn({ content }: BaseMessage): { base64_image?: string } {
  for (const { type, image_url, data, mimeType, mime_type: mediaType = mimeType } of blocksOf(content)) {
    const url = typeof image_url === "string" ? image_url : (image_url as { url?: unknown } | undefined)?.url;
    if (type === "image_url" && typeof url === "string" && url.startsWith("data:"))
      return { base64_image: url };
    if (type !== "image" || typeof data !== "string") continue;
    return { base64_image: typeof mediaType === "string" ? `data:${mediaType};base64,${data}` : data };
  }
  return {};
}

/** The output of a tool: LangChain writes what is no text as JSON. */
export function outputOf(message: ToolMessage): unknown {
  const text = resultIn(message);
  return /^\s*[[{]/.test(text) ? parseJson(text) : text;
}

export function isAi(message: BaseMessage): message is AIMessage {
  return message.getType() === "ai";
}

export function isTool(message: BaseMessage): message is ToolMessage {
  return message.getType() === "tool";
}

/** The blocks of a message whose content is no mere text. */
export function blocksOf(content: BaseMessage["content"]): Record<string, unknown>[] {
  return typeof content === "string" ? [] : (content as unknown as Record<string, unknown>[]);
}
