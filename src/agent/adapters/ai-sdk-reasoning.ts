/**
 * What a provider wants back with what its model said: the signatures of Claude's thinking and of Gemini's calls, and
 * OpenAI's encrypted reasoning. Each is kept in a public form, and given back only to the provider that it came from.
 */
import type { AssistantContent } from "ai";
import type { ToolCall } from "../../protocol/chat-message.ts";

type ReasoningPart = Extract<Exclude<AssistantContent, string>[number], { type: "reasoning" }>;
export type Metadata = ReasoningPart["providerOptions"];
/** A call with its signature, as Google's chat-completions format has it. */
type SignedCall = ToolCall & { extra_content?: { google?: { thought_signature?: unknown } } };

const claude = "anthropic-claude-v1";
const openai = "openai-responses-v1";

/** Reasoning as it is kept in `reasoning_details`; undefined when the provider cannot take it back. */
export function toDetail({ text, providerOptions }: ReasoningPart): object | undefined {
  const { signature, redactedData } = providerOptions?.anthropic ?? {};
  const data = providerOptions?.openai?.reasoningEncryptedContent;
  if (typeof signature === "string") return { type: "reasoning.text", text, signature, format: claude };
  if (typeof redactedData === "string")
    return { type: "reasoning.encrypted", data: redactedData, format: claude };
  return typeof data === "string" ? { type: "reasoning.encrypted", data, format: openai } : undefined;
}

/** One of `reasoning_details` as the AI SDK wants it; what another kind of provider wrote is left out. */
export function fromDetail(detail: unknown): ReasoningPart[] {
  const { type, format, text, signature, data } = (detail ?? {}) as Record<string, unknown>;
  const part = (providerOptions: NonNullable<Metadata>): ReasoningPart[] => [
    { type: "reasoning", text: typeof text === "string" ? text : "", providerOptions },
  ];
  if (type === "reasoning.text" && format === claude && typeof signature === "string")
    return part({ anthropic: { signature } });
  if (type !== "reasoning.encrypted" || typeof data !== "string") return [];
  if (format === claude) return part({ anthropic: { redactedData: data } });
  return format === openai ? part({ openai: { reasoningEncryptedContent: data } }) : [];
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
