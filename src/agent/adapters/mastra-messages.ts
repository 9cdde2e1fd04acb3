/**
 * A conversation as Mastra takes and gives it: model messages of the AI SDK, except that what a model sees of a tool's
 * result, where that is not the result itself, lies beside it as `modelOutput`.
 */
import type { ModelMessage, ToolResultPart } from "ai";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { fromModelMessages, toModelMessages } from "./ai-sdk-messages.ts";

type Output = ToolResultPart["output"];
/** A part of a result, in the forms of several versions of the AI SDK. */
type ResultPart = { type: string; text?: string; data?: unknown; mediaType?: string };

export function toMastraMessages(messages: readonly ChatMessage[]): ModelMessage[] {
  return toModelMessages(messages).map((message) => mapResults(message, withModelOutput));
}

/** What a run has added, as the model saw it. */
export function fromMastraMessages(messages: readonly ModelMessage[]): ChatMessage[] {
  return fromModelMessages(messages.map((message) => mapResults(message, asSeen)));
}

function mapResults(message: ModelMessage, map: (part: ToolResultPart) => ToolResultPart): ModelMessage {
  if (message.role !== "tool") return message;
  return {
    ...message,
    content: message.content.map((part) => (part.type === "tool-result" ? map(part) : part)),
  };
}

/** Mastra makes JSON of a result with an image, unless it stands in `modelOutput` too. */
function withModelOutput(part: ToolResultPart): ToolResultPart {
  if (part.output.type !== "content") return part;
  const value = (part.output.value as ResultPart[]).map(({ type, text, data, mediaType }) =>
    type === "file" ? { type: "media", data: (data as { data: string }).data, mediaType } : { type, text },
  );
  const modelOutput = { type: "content", value };
  return { ...part, providerOptions: { mastra: { modelOutput } } } as ToolResultPart;
}

function asSeen(part: ToolResultPart): ToolResultPart {
  const seen = part.providerOptions?.mastra?.modelOutput as Output | undefined;
  const output = seen ?? part.output;
  if (output.type !== "content") return { ...part, output };
  const value = (output.value as ResultPart[]).map((each) =>
    each.type === "media" || each.type === "image-data"
      ? { type: "file", data: { type: "data", data: each.data }, mediaType: each.mediaType ?? "image/png" }
      : each,
  );
  return { ...part, output: { type: "content", value } as Output };
}
