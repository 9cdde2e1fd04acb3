/**
 * Writes the checks that a worker needs: they come from the same schemas as everything else, but without
 * TypeBox, whose import would cost more than a whole turn.
 *
 *     bun scripts/generate-checks.ts [--check]
 */
import { type TSchema, Type } from "@sinclair/typebox";
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { ChatMessageSchema } from "../src/protocol/chat-message.ts";
import { AgentEventSchema } from "../src/protocol/event.ts";
import { QuestionSchema, UserInputSchema } from "../src/protocol/interrupt.ts";

interface GeneratedCheck {
  file: URL;
  text: string;
}

/** Every generated file and what belongs into it. */
const generatedChecks: GeneratedCheck[] = [
  generate("chat-message", "ChatMessage", ChatMessageSchema),
  generate("event", "AgentEvent", AgentEventSchema),
  generate("interrupt", "Question", QuestionSchema, {
    questionsJsonSchema: Type.Object({ questions: UserInputSchema.properties.questions }),
  }),
];

/** @param jsonSchemas What the file exports besides: schemas as the plain JSON that models are given. */
function generate(
  module: string,
  type: string,
  schema: TSchema,
  jsonSchemas: Record<string, TSchema> = {},
): GeneratedCheck {
  const constants = Object.entries(jsonSchemas).map(
    ([name, value]) => `\nexport const ${name} = ${JSON.stringify(value)};\n`,
  );
  const text = `// @ts-nocheck Written by scripts/generate-checks.ts from ${type}Schema; do not edit.
import type { ${type} } from "./${module}.ts";

/** Whether a value fits ${type}Schema. */
export const is${type}: (value: unknown) => value is ${type} = (() => {
${TypeCompiler.Code(schema, { language: "javascript" })}
})();
${constants.join("")}`;
  return { file: new URL(`../src/protocol/${module}.check.ts`, import.meta.url), text };
}

if (process.argv.includes("--check")) {
  let outdated = 0;
  for (const { file, text } of generatedChecks) {
    if ((await Bun.file(file).text()) === text) continue;
    console.error(`${file.pathname} is out of date: bun scripts/generate-checks.ts`);
    outdated += 1;
  }
  process.exit(outdated === 0 ? 0 : 1);
}
await Promise.all(generatedChecks.map(({ file, text }) => Bun.write(file, text)));
