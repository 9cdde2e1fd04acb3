/** A conversation as events of ADK, and back. */
import type { Event } from "@google/adk";
import type { ChatMessage, ToolCall } from "../../protocol/chat-message.ts";
import { argumentsOf, imageOf, parseJson, textOf, toolCall, toolNames } from "./message-parts.ts";

export type Content = NonNullable<Event["content"]>;
type Part = NonNullable<Content["parts"]>[number];
type FunctionResponse = NonNullable<Part["functionResponse"]>;

/** A message with what its turn changed of ADK's session state. */
export type AdkMessage = ChatMessage & { adk_state?: Record<string, unknown> };

/** A call with what Gemini wants back with it, where Google's own chat-completions format has it. */
type GeminiCall = ToolCall & { extra_content?: { google?: { thought_signature?: unknown } } };

export interface PastEvent {
  author: string;
  content?: Content;
  actions?: { stateDelta: Record<string, unknown> };
}

/**
 * The past of a session. System messages have no place in it: ADK knows them as instructions only.
 *
 * @param authorOf The agent that a message's `name` stands for, so that ADK goes on with the one that spoke last.
 */
export function toEvents(
  messages: readonly AdkMessage[],
  authorOf: (name: string | undefined) => string,
): PastEvent[] {
  const names = toolNames(messages);
  const callers = new Map<string, string>();
  return messages.flatMap((message) => {
    const { role, name, tool_calls = [], tool_call_id = "", adk_state } = message;
    if (role === "system") return [];
    const author =
      role === "user"
        ? "user"
        : role === "tool"
          ? (callers.get(tool_call_id) ?? authorOf(""))
          : authorOf(name);
    for (const { id } of tool_calls) callers.set(id, author);
    const content = toContent(message, names);
    const event: PastEvent = { author, ...(content.parts?.length !== 0 && { content }) };
    const stateDelta = asObject(adk_state);
    return [stateDelta === undefined ? event : { ...event, actions: { stateDelta } }];
  });
}

/** What one message says. */
export function toContent(message: ChatMessage, names: ReadonlyMap<string, string> = new Map()): Content {
  const { role, content = "", tool_calls = [], tool_call_id: id = "" } = message;
  if (role === "tool") {
    const name = message.name ?? names.get(id) ?? "";
    const response = asObject(parseJson(content)) ?? { result: content };
    return { role: "user", parts: [{ functionResponse: { id: clientId(id), name, response } }] };
  }
  const parts: Part[] = content === "" ? [] : [{ text: content }];
  const image = imageOf(message);
  if (image !== undefined) parts.push({ inlineData: { mimeType: image.mediaType, data: image.base64 } });
  if (role === "assistant") return { role: "model", parts: [...parts, ...tool_calls.map(callPart)] };
  return { role: "user", parts: parts.length === 0 ? [{ text: "" }] : parts };
}

function callPart(call: GeminiCall): Part {
  const { id, function: fn, extra_content } = call;
  const args = asObject(argumentsOf(call)) ?? { input: fn.arguments };
  const thoughtSignature = extra_content?.google?.thought_signature;
  return {
    functionCall: { id: clientId(id), name: fn.name, args },
    ...(typeof thoughtSignature === "string" && { thoughtSignature }),
  };
}

/** ADK keeps ids that begin so to itself; a provider would not know those of another. */
function clientId(id: string): string {
  return id.startsWith("adk-") ? id : `adk-${id}`;
}

/**
 * What a turn has added. Each result follows its call, in whatever order agents that run side by side have made them:
 * no provider takes a conversation where it does not.
 *
 * @param root The agent whose messages need no name.
 */
export function fromEvents(events: readonly Event[], root: string): ChatMessage[] {
  const messages: ChatMessage[] = [];
  const results = new Map<string, ChatMessage>();
  for (const { author, content } of events) {
    const parts = (content?.parts ?? []).filter((part) => !isFramework(part));
    if (author === "user") {
      messages.push({ role: "user", content: textIn(parts) }); // An answer to what was asked in the turn.
      continue;
    }
    for (const { functionResponse } of parts) if (functionResponse) keepResult(functionResponse, results);
    const said = spoken(parts);
    if (said === undefined) continue;
    const name = author === root ? undefined : author;
    const last = messages.at(-1);
    const goesOn = last?.role === "assistant" && last.name === name && isOneAnswer(last, said);
    if (goesOn) Object.assign(last, said);
    else messages.push({ ...said, ...(name !== undefined && { name }) });
  }
  return messages.flatMap((message) => [
    message,
    ...(message.tool_calls ?? []).map((call) => results.get(call.id) ?? withoutResult(call)),
  ]);
}

/** ADK tells of one answer of the model in several events: what it thought and said, then what it calls. */
function isOneAnswer(first: ChatMessage, second: ChatMessage): boolean {
  if (first.tool_calls !== undefined || second.reasoning !== undefined) return false;
  return first.content === undefined || (second.content === undefined && second.tool_calls !== undefined);
}

/** What an agent says in one event; undefined when that is nothing. */
function spoken(parts: readonly Part[]): ChatMessage | undefined {
  const content = textIn(parts);
  const reasoning = textIn(parts, true);
  const image = parts.find(({ inlineData }) => inlineData?.mimeType?.startsWith("image/"))?.inlineData;
  const tool_calls = parts.flatMap(keptCall);
  const message: ChatMessage = {
    role: "assistant",
    ...(content !== "" && { content }),
    ...(reasoning !== "" && { reasoning }),
    ...(image !== undefined && { base64_image: `data:${image.mimeType};base64,${image.data}` }),
    ...(tool_calls.length > 0 && { tool_calls }),
  };
  return Object.keys(message).length === 1 ? undefined : message;
}

function keptCall({ functionCall, thoughtSignature }: Part): GeminiCall[] {
  if (functionCall === undefined) return [];
  const call = toolCall(functionCall.id ?? "", functionCall.name ?? "", functionCall.args);
  if (thoughtSignature === undefined) return [call];
  return [{ ...call, extra_content: { google: { thought_signature: thoughtSignature } } }];
}

function keepResult(response: FunctionResponse, results: Map<string, ChatMessage>): void {
  const { id = "", name = "" } = response;
  results.set(id, { role: "tool", content: textOf(outputOf(response) ?? ""), tool_call_id: id, name });
}

function withoutResult({ id, function: { name } }: ToolCall): ChatMessage {
  return { role: "tool", content: "There is no result.", tool_call_id: id, name };
}

/** The text of parts, or what the model thought. */
export function textIn(parts: readonly Part[], thought = false): string {
  return parts.map((part) => (Boolean(part.thought) === thought ? (part.text ?? "") : "")).join("");
}

/** What a tool has returned; ADK wraps what is no object. */
export function outputOf({ response = {} }: FunctionResponse): unknown {
  const [key, ...others] = Object.keys(response);
  return others.length === 0 && (key === "result" || key === "results") ? response[key] : response;
}

/** Whether a part is ADK's own word with its client, of which the model never hears. */
export function isFramework({ functionCall, functionResponse }: Part): boolean {
  return (functionCall ?? functionResponse)?.name?.startsWith("adk_request_") === true;
}

function asObject(value: unknown): Record<string, unknown> | undefined {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  return value as Record<string, unknown>;
}
