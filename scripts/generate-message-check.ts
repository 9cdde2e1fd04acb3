/**
 * Writes src/protocol/chat-message.check.ts, the check of a message for the worker: it comes from the same
 * schema as everything else, but without TypeBox, whose import would cost more than a whole turn.
 *
 *     bun scripts/generate-message-check.ts
 */
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { ChatMessageSchema } from "../src/protocol/chat-message.ts";

export function generateMessageCheck(): string {
  return `// @ts-nocheck Written by scripts/generate-message-check.ts from ChatMessageSchema; do not edit.
import type { ChatMessage } from "./chat-message.ts";

/** Whether a value fits ChatMessageSchema. */
export const isChatMessage: (value: unknown) => value is ChatMessage = (() => {
${TypeCompiler.Code(ChatMessageSchema, { language: "javascript" })}
})();
`;
}

export const messageCheckFile = new URL("../src/protocol/chat-message.check.ts", import.meta.url);

if (import.meta.main) await Bun.write(messageCheckFile, generateMessageCheck());
