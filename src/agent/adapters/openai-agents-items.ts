/** A conversation as items of the OpenAI Agents SDK, and back. */
import type { AgentInputItem } from "@openai/agents";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { imageOf, textOf, toolNames } from "./message-parts.ts";
import { type ReasoningDetail, reasoningDetails } from "./reasoning-details.ts";

const format = "openai-responses-v1";

/** Ids of the provider's are left out: with them it would look for what it does not hold. */
export function toItems(messages: readonly ChatMessage[]): AgentInputItem[] {
  const names = toolNames(messages);
  return messages.flatMap((message) => itemsOf(message, names));
}

function itemsOf(message: ChatMessage, names: ReadonlyMap<string, string>): AgentInputItem[] {
  const { role, content = "", tool_calls = [], tool_call_id: callId = "" } = message;
  switch (role) {
    case "system":
      return [{ role, content }];
    case "user": {
      const image = imageOf(message);
      if (image === undefined) return [{ role, content }];
      const parts = [{ type: "input_image" as const, image: image.dataUrl }];
      return [{ role, content: content === "" ? parts : [{ type: "input_text", text: content }, ...parts] }];
    }
    case "assistant": {
      const items: AgentInputItem[] = tool_calls.map(({ id, function: { name, arguments: text } }) => ({
        type: "function_call",
        callId: id,
        name,
        arguments: text,
        status: "completed",
      }));
      if (content !== "")
        items.unshift({ role, status: "completed", content: [{ type: "output_text", text: content }] });
      return [...reasoningItems(message), ...items];
    }
    case "tool": {
      const name = message.name ?? names.get(callId) ?? "";
      const output = { type: "text" as const, text: content };
      return [{ type: "function_call_result", callId, name, status: "completed", output }];
    }
  }
}

/** Reasoning that the provider has encrypted; it takes no other back. */
function reasoningItems(message: ChatMessage): AgentInputItem[] {
  return reasoningDetails(message, format).flatMap((detail) =>
    detail.type === "reasoning.encrypted"
      ? [
          {
            type: "reasoning" as const,
            ...(detail.id !== undefined && { id: detail.id }),
            content: [],
            providerData: { encrypted_content: detail.data },
          },
        ]
      : [],
  );
}

/** What a run has added. Reasoning becomes part of the message that follows it. */
export function fromItems(items: readonly AgentInputItem[]): ChatMessage[] {
  const messages: ChatMessage[] = [];
  let reasoning = "";
  let details: ReasoningDetail[] = [];
  /** The assistant's message that the next item belongs to. */
  const assistant = (): ChatMessage => {
    let last = messages.at(-1);
    if (last?.role !== "assistant") {
      last = { role: "assistant" };
      messages.push(last);
    }
    if (reasoning !== "") last.reasoning = (last.reasoning ?? "") + reasoning;
    if (details.length > 0) last.reasoning_details = [...(last.reasoning_details ?? []), ...details];
    reasoning = "";
    details = [];
    return last;
  };
  for (const item of items) {
    switch (item.type) {
      case "reasoning":
        reasoning += textsOf(item.content) || textsOf(item.rawContent ?? []);
        details.push(...encrypted(item));
        break;
      case "function_call": {
        const call = {
          id: item.callId,
          type: "function" as const,
          function: { name: item.name, arguments: item.arguments },
        };
        const message = assistant();
        message.tool_calls = [...(message.tool_calls ?? []), call];
        break;
      }
      case "function_call_result":
        messages.push({
          role: "tool",
          content: outputText(item.output),
          tool_call_id: item.callId,
          name: item.name,
        });
        break;
      case "message":
      case undefined:
        if ("role" in item && item.role === "assistant") {
          const message = assistant();
          message.content = (message.content ?? "") + textsOf(item.content);
        }
        break;
      default:
        break; // What runs at the provider has no form in a ChatMessage.
    }
  }
  return messages;
}

function encrypted({ id, providerData }: Extract<AgentInputItem, { type: "reasoning" }>): ReasoningDetail[] {
  const data: unknown = providerData?.encrypted_content;
  if (typeof data !== "string") return [];
  return [{ type: "reasoning.encrypted", data, format, ...(id !== undefined && { id }) }];
}

function textsOf(parts: readonly object[]): string {
  return parts.map((part) => ("text" in part ? part.text : "refusal" in part ? part.refusal : "")).join("");
}

function outputText(output: unknown): string {
  const text = typeof output === "object" && output !== null && "text" in output ? output.text : undefined;
  return typeof text === "string" ? text : textOf(output);
}
