/** A conversation as model messages of the AI SDK, and back. */
import type { AssistantContent, ModelMessage, ToolResultPart } from "ai";
import type { ChatMessage, ToolCall } from "../../protocol/chat-message.ts";
import { reasoningParts, signatureOf, signed, toDetail } from "./ai-sdk-reasoning.ts";
import { argumentsOf, imageOf, textOf, toolCall, toolNames } from "./message-parts.ts";
import type { ReasoningDetail } from "./reasoning-details.ts";

type AssistantPart = Exclude<AssistantContent, string>[number];
type Output = ToolResultPart["output"];

/**
 * System messages come first, because the models of some providers take them nowhere else. Every call gets a result: a
 * conversation in which one was never answered, because its turn ended with it, would be refused.
 */
export function toModelMessages(messages: readonly ChatMessage[]): ModelMessage[] {
  const names = toolNames(messages);
  const answered = new Set(messages.map(({ tool_call_id }) => tool_call_id));
  const unanswered = ({ tool_calls = [] }: ChatMessage) => tool_calls.filter(({ id }) => !answered.has(id));
  const isSystem = ({ role }: ChatMessage) => role === "system";
  return [
    ...messages.filter(isSystem).map(({ content = "" }) => ({ role: "system", content }) as const),
    ...messages
      .filter((message) => !isSystem(message))
      .flatMap((message) => [...modelMessages(message, names), ...unanswered(message).map(noResult)]),
  ];
}

/** What a run has added: messages of the assistant and results of tools. */
export function fromModelMessages(messages: readonly ModelMessage[]): ChatMessage[] {
  return messages.flatMap((message): ChatMessage[] => {
    const { role, content } = message;
    if (role === "system" || role === "user") return [];
    if (role === "assistant") {
      const kept = assistantMessage(content);
      return Object.keys(kept).length > 1 ? [kept] : [];
    }
    return content.flatMap((part) => (part.type === "tool-result" ? toolMessage(part) : []));
  });
}

function modelMessages(message: ChatMessage, names: ReadonlyMap<string, string>): ModelMessage[] {
  const { role, content = "", tool_calls = [], tool_call_id: id = "" } = message;
  switch (role) {
    case "system":
      return [{ role, content }];
    case "user": {
      const image = imageOf(message);
      if (image === undefined) return [{ role, content }];
      const file = { type: "file", data: image.base64, mediaType: image.mediaType } as const;
      return [{ role, content: content === "" ? [file] : [{ type: "text", text: content }, file] }];
    }
    case "assistant": {
      const parts: AssistantPart[] = [
        ...reasoningParts(message),
        ...(content === "" ? [] : [{ type: "text", text: content } as const]),
        ...tool_calls.map(callPart),
      ];
      return parts.length === 0 ? [] : [{ role, content: parts }];
    }
    case "tool":
      return [toolResult(id, message.name ?? names.get(id) ?? "", outputOf(message))];
  }
}

function callPart(call: ToolCall): AssistantPart {
  const input = argumentsOf(call);
  const providerOptions = signatureOf(call);
  return {
    type: "tool-call",
    toolCallId: call.id,
    toolName: call.function.name,
    // What the model wrote may be no object, which no provider takes back.
    input: typeof input === "object" && input !== null ? input : {},
    ...(providerOptions && { providerOptions }),
  };
}

function outputOf(message: ChatMessage): Output {
  const { content = "" } = message;
  const image = imageOf(message);
  if (image === undefined) return { type: "text", value: content };
  const data = { type: "data", data: image.base64 } as const;
  const file = { type: "file", data, mediaType: image.mediaType } as const;
  return { type: "content", value: content === "" ? [file] : [{ type: "text", text: content }, file] };
}

function noResult({ id, function: { name } }: ToolCall): ModelMessage {
  return toolResult(id, name, { type: "error-text", value: "This call was never answered." });
}

function toolResult(toolCallId: string, toolName: string, output: Output): ModelMessage {
  return { role: "tool", content: [{ type: "tool-result", toolCallId, toolName, output }] };
}

function assistantMessage(content: AssistantContent): ChatMessage {
  const parts = typeof content === "string" ? [{ type: "text", text: content } as const] : content;
  const message: ChatMessage = { role: "assistant" };
  const details: ReasoningDetail[] = [];
  for (const part of parts) {
    switch (part.type) {
      case "text":
        message.content = (message.content ?? "") + part.text;
        break;
      case "reasoning": {
        if (part.text !== "")
          message.reasoning = message.reasoning ? `${message.reasoning}\n\n${part.text}` : part.text;
        const detail = toDetail(part);
        // All parts of one summary carry the same encrypted content.
        if (detail !== undefined && !details.some((known) => Bun.deepEquals(known, detail)))
          details.push(detail);
        break;
      }
      case "tool-call":
        // A tool that runs at the provider has no form in a ChatMessage.
        if (part.providerExecuted !== true) {
          const call = signed(toolCall(part.toolCallId, part.toolName, part.input), part.providerOptions);
          message.tool_calls = [...(message.tool_calls ?? []), call];
        }
        break;
      case "file":
        if (part.mediaType.startsWith("image/") && typeof part.data === "string")
          message.base64_image ??= `data:${part.mediaType};base64,${part.data}`;
        break;
      default:
        break;
    }
  }
  return details.length === 0 ? message : { ...message, reasoning_details: details };
}

/** An answer to a call, as text; the first image in it is kept as the message's. */
function toolMessage({ toolCallId, toolName, output }: ToolResultPart): ChatMessage {
  const message: ChatMessage = { role: "tool", content: "", tool_call_id: toolCallId, name: toolName };
  switch (output.type) {
    case "execution-denied":
      return { ...message, content: output.reason ?? "This call was denied." };
    case "content": {
      const texts = output.value.map((part) => (part.type === "text" ? part.text : ""));
      const images = output.value.flatMap(imageUrl);
      return { ...message, content: texts.join(""), ...(images[0] && { base64_image: images[0] }) };
    }
    default:
      return { ...message, content: textOf(output.value) };
  }
}

function imageUrl(part: Extract<Output, { type: "content" }>["value"][number]): string[] {
  if (part.type !== "file" || part.data.type !== "data") return [];
  const { data } = part.data;
  if (!part.mediaType.startsWith("image") || typeof data !== "string") return [];
  return [`data:${part.mediaType.includes("/") ? part.mediaType : "image/png"};base64,${data}`];
}
