/**
 * Writes src/protocol/chat-message.check.ts, the check of a message for the worker: it comes from the same
 * schema as everything else, but without TypeBox, whose import would cost more than a whole turn.
 *
 *     bun scripts/generate-message-check.ts [--check]
 */
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { ChatMessageSchema } from "../src/protocol/chat-message.ts";

const messageCheckFile = new URL("../src/protocol/chat-message.check.ts", import.meta.url);

function generateMessageCheck(): string {
  return `// @ts-nocheck Written by scripts/generate-message-check.ts from ChatMessageSchema; do not edit.
import type { ChatMessage } from "./chat-message.ts";

/** Whether a value fits ChatMessageSchema. */
export const isChatMessage: (value: unknown) => value is ChatMessage = (() => {
${TypeCompiler.Code(ChatMessageSchema, { language: "javascript" })}
})();
`;
}

if (process.argv.includes("--check")) {
  const isCurrent = (await Bun.file(messageCheckFile).text()) === generateMessageCheck();
  if (!isCurrent)
    console.error("src/protocol/chat-message.check.ts is out of date: bun scripts/generate-message-check.ts");
  process.exit(isCurrent ? 0 : 1);
}
await Bun.write(messageCheckFile, generateMessageCheck());
