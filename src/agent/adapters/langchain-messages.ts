/** A conversation as messages of LangChain, and back. */
import type { AIMessage, BaseMessage, BaseMessageLike } from "@langchain/core/messages";
import type { ChatMessage, ToolCall } from "../../protocol/chat-message.ts";
import { imageIn, isAi, isTool, resultIn, textIn } from "./langchain-content.ts";
import { detailsIn, reasoningIn, reasoningItems, thinkingBlocks } from "./langchain-reasoning.ts";
import { argumentsOf, imageOf, toolCall, toolNames } from "./message-parts.ts";

/** Under which LangChain keeps what Gemini wants back with a call. */
const geminiSignatures = "__gemini_function_call_thought_signatures__";

/** A call with what Gemini wants back with it, as its chat-completions format has it. */
type SignedCall = ToolCall & { extra_content?: { google?: { thought_signature?: string } } };

/**
 * System messages come first, because the models of some providers take them nowhere else. Every call gets a result: a
 * conversation in which one was never answered, because its turn ended with it, would be refused.
 *
 * @param toClaude Whether a model of Anthropic's reads them: only to it may its own thinking be sent.
 */
export function toMessages(messages: readonly ChatMessage[], toClaude: boolean): BaseMessageLike[] {
  const names = toolNames(messages);
  const answered = new Set(messages.map(({ tool_call_id }) => tool_call_id));
  const isSystem = ({ role }: ChatMessage) => role === "system";
  return [
    ...messages.filter(isSystem).map(({ content = "" }) => ({ role: "system", content })),
    ...messages
      .filter((message) => !isSystem(message))
      .flatMap((message) => {
        const unanswered = (message.tool_calls ?? []).filter(({ id }) => !answered.has(id));
        return [toMessage(message, names, toClaude), ...unanswered.map(noResult)];
      }),
  ];
}

function noResult({ id, function: { name } }: ToolCall): BaseMessageLike {
  return { role: "tool", content: "This call was never answered.", tool_call_id: id, name };
}

function toMessage(
  message: ChatMessage,
  names: ReadonlyMap<string, string>,
  toClaude: boolean,
): BaseMessageLike {
  const { role, content = "", tool_call_id = "" } = message;
  switch (role) {
    case "system":
      return { role, content };
    case "user": {
      const image = imageOf(message);
      if (image === undefined) return { role, content };
      const part = { type: "image_url", image_url: { url: image.dataUrl } };
      return { role, content: content === "" ? [part] : [{ type: "text", text: content }, part] };
    }
    case "assistant":
      return toAiMessage(message, toClaude);
    case "tool":
      return { role, content, tool_call_id, name: message.name ?? names.get(tool_call_id) ?? "" };
  }
}

function toAiMessage(message: ChatMessage, toClaude: boolean): BaseMessageLike {
  const { role, content = "", tool_calls = [], name } = message;
  const calls = tool_calls.map((call) => ({
    type: "tool_call" as const,
    id: call.id,
    name: call.function.name,
    args: objectOf(argumentsOf(call)),
  }));
  const thinking = toClaude ? thinkingBlocks(message) : [];
  const text = content === "" ? [] : [{ type: "text", text: content }];
  const uses = calls.map((call) => ({ type: "tool_use", id: call.id, name: call.name, input: call.args }));
  const signatures = tool_calls.flatMap((call) => {
    const signature = (call as SignedCall).extra_content?.google?.thought_signature;
    return signature === undefined ? [] : [[call.id, signature]];
  });
  const items = responseItems(message);
  return {
    role,
    content: thinking.length === 0 ? content : [...thinking, ...text, ...uses],
    tool_calls: calls,
    // Providers refuse names that are more than a word.
    ...(name !== undefined && /^[\w-]+$/.test(name) && { name }),
    ...(signatures.length > 0 && {
      additional_kwargs: { [geminiSignatures]: Object.fromEntries(signatures) },
    }),
    ...(items !== undefined && { response_metadata: { output: items } }),
  };
}

/**
 * A message as items of OpenAI's Responses API, where LangChain would send others: it knows one piece of reasoning only,
 * and makes an empty message of calls without a text. Nothing else reads them.
 */
function responseItems(message: ChatMessage): object[] | undefined {
  const { role, content = "", tool_calls = [] } = message;
  const reasoning = reasoningItems(message);
  if (reasoning.length === 0 && (content !== "" || tool_calls.length === 0)) return undefined;
  const text = content === "" ? [] : [{ type: "message", role, content }];
  const calls = tool_calls.map(({ id, function: { name, arguments: args } }) => {
    return { type: "function_call", call_id: id, name, arguments: args };
  });
  return [...reasoning, ...text, ...calls];
}

/** LangChain takes only objects for arguments. */
function objectOf(value: unknown): Record<string, unknown> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : { value };
}

/** What a run has added. */
export function fromMessages(messages: readonly BaseMessage[]): ChatMessage[] {
  return messages.flatMap((message): ChatMessage[] => {
    if (isAi(message)) return [fromAiMessage(message)];
    const common = { content: textIn(message), ...nameOf(message), ...imageIn(message) };
    if (isTool(message)) {
      const { tool_call_id } = message;
      return [{ role: "tool", ...common, content: resultIn(message), tool_call_id }];
    }
    switch (message.getType()) {
      case "human":
        return [{ role: "user", ...common }];
      case "system":
        return [{ role: "system", ...common }];
      default:
        return [];
    }
  });
}

function fromAiMessage(message: AIMessage): ChatMessage {
  const content = textIn(message);
  const { tool_calls = [], additional_kwargs: extra } = message;
  const signatures = (extra[geminiSignatures] ?? {}) as Record<string, string>;
  const calls = tool_calls.map(({ id = "", name, args }): SignedCall => {
    const thought_signature = signatures[id];
    const call = toolCall(id, name, args);
    return thought_signature === undefined
      ? call
      : { ...call, extra_content: { google: { thought_signature } } };
  });
  const reasoning = reasoningIn(message);
  const details = detailsIn(message);
  return {
    role: "assistant",
    ...((content !== "" || calls.length === 0) && { content }),
    ...(reasoning !== "" && { reasoning }),
    ...(details.length > 0 && { reasoning_details: details }),
    ...(calls.length > 0 && { tool_calls: calls }),
    // An agent that has no name is called this.
    ...(message.name !== "model" && nameOf(message)),
    ...imageIn(message),
  };
}

function nameOf({ name }: BaseMessage): { name?: string } {
  return name === undefined || name === "" ? {} : { name };
}
