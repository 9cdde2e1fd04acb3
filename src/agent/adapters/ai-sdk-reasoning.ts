/**
 * What a provider wants back with what its model said: the signatures of Claude's thinking and of Gemini's calls, and
 * OpenAI's encrypted reasoning. Each is kept in a public form, and given back only to the provider that it came from.
 */
import type { AssistantContent } from "ai";
import type { ChatMessage, ToolCall } from "../../protocol/chat-message.ts";
import { type ReasoningDetail, reasoningDetails } from "./reasoning-details.ts";

type ReasoningPart = Extract<Exclude<AssistantContent, string>[number], { type: "reasoning" }>;
export type Metadata = ReasoningPart["providerOptions"];
/** A call with its signature, as Google's chat-completions format has it. */
type SignedCall = ToolCall & { extra_content?: { google?: { thought_signature?: unknown } } };

const claude = "anthropic-claude-v1";
const openai = "openai-responses-v1";

/** Reasoning as it is kept in `reasoning_details`; undefined when the provider cannot take it back. */
export function toDetail({ text, providerOptions }: ReasoningPart): ReasoningDetail | undefined {
  const { signature, redactedData } = providerOptions?.anthropic ?? {};
  const data = providerOptions?.openai?.reasoningEncryptedContent;
  if (typeof signature === "string") return { type: "reasoning.text", text, signature, format: claude };
  if (typeof redactedData === "string")
    return { type: "reasoning.encrypted", data: redactedData, format: claude };
  return typeof data === "string" ? { type: "reasoning.encrypted", data, format: openai } : undefined;
}

/** The reasoning of a message that its provider can take back. */
export function reasoningParts(message: ChatMessage): ReasoningPart[] {
  const part = (text: string, providerOptions: NonNullable<Metadata>): ReasoningPart => ({
    type: "reasoning",
    text,
    providerOptions,
  });
  return [
    ...reasoningDetails(message, claude).map((detail) =>
      detail.type === "reasoning.text"
        ? part(detail.text, { anthropic: { signature: detail.signature } })
        : part("", { anthropic: { redactedData: detail.data } }),
    ),
    ...reasoningDetails(message, openai).flatMap((detail) =>
      detail.type === "reasoning.text"
        ? []
        : part("", { openai: { reasoningEncryptedContent: detail.data } }),
    ),
  ];
}

/** A call with the signature that Gemini gave it, if any; Vertex has a name of its own for it. */
export function signed(call: ToolCall, metadata: Metadata): SignedCall {
  const { google, googleVertex, vertex } = metadata ?? {};
  const signature = (google ?? googleVertex ?? vertex)?.thoughtSignature;
  if (typeof signature !== "string") return call;
  return { ...call, extra_content: { google: { thought_signature: signature } } };
}

export function signatureOf({ extra_content }: SignedCall): Metadata {
  const thoughtSignature = extra_content?.google?.thought_signature;
  return typeof thoughtSignature === "string" ? { google: { thoughtSignature } } : undefined;
}
