/** The parts of a ChatMessage as SDKs want them, and back. */
import type { ChatMessage, ToolCall } from "../../protocol/chat-message.ts";

export interface Image {
  /** Such as `image/png`. */
  mediaType: string;
  base64: string;
  /** Both of them, as a `data:` URL. */
  dataUrl: string;
}

/** How the base64 of an image begins, by its type. */
const beginnings: readonly [beginning: string, mediaType: string][] = [
  ["iVBORw0KGgo", "image/png"],
  ["/9j/", "image/jpeg"],
  ["R0lGOD", "image/gif"],
  ["UklGR", "image/webp"],
];

/** The image of a message. Base64 says nothing of its type, so that is read off its first bytes. */
export function imageOf({ base64_image: text }: ChatMessage): Image | undefined {
  if (text === undefined || text === "") return undefined;
  const [, named, data] = /^data:([^;,]+)[^,]*;base64,(.*)$/s.exec(text) ?? [];
  const base64 = data ?? text;
  const mediaType =
    named ?? beginnings.find(([beginning]) => base64.startsWith(beginning))?.[1] ?? "image/png";
  return { mediaType, base64, dataUrl: `data:${mediaType};base64,${base64}` };
}

/** A value as the text of a message: what is no text already becomes JSON. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** The arguments of a call as a value; what a model wrote may be no JSON, and is then left as text. */
export function argumentsOf(call: ToolCall): unknown {
  return parseJson(call.function.arguments === "" ? "{}" : call.function.arguments);
}

/** A text as the value that it is the JSON of; any other text as it is. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** A call as it is kept; its arguments are text or the value that was parsed from one. */
export function toolCall(id: string, name: string, input: unknown): ToolCall {
  return { id, type: "function", function: { name, arguments: textOf(input ?? {}) } };
}

/** The name of each tool by the id of its call, for SDKs that want it with the result. */
export function toolNames(messages: readonly ChatMessage[]): ReadonlyMap<string, string> {
  const calls = messages.flatMap(({ tool_calls = [] }) => tool_calls);
  return new Map(calls.map((call) => [call.id, call.function.name]));
}
