import { questionsJsonSchema } from "../protocol/interrupt.check.ts";
import type { Question } from "../protocol/interrupt.ts";
import { askUser } from "./current-turn.ts";
import { tool } from "./tool.ts";

interface Questions {
  questions: Question[];
}

/** As a Standard Schema, so that no library is needed for it. The questions themselves are checked when they are asked. */
const inputSchema = {
  "~standard": {
    version: 1,
    vendor: "motus",
    validate: (value: unknown) =>
      isQuestions(value) ? { value } : { issues: [{ message: "It takes an array of questions" }] },
    jsonSchema: { input: () => questionsJsonSchema, output: () => questionsJsonSchema },
  },
} as const;

/**
 * A tool with which the model asks the person in the conversation. The turn waits for the answers like for any other
 * question, and what the model asks wrongly is an error that it is told.
 *
 * @example
 * ```ts
 * import { openai } from "@ai-sdk/openai";
 * import { askUserTool, ReActAgent } from "motus-serve/agent";
 *
 * export const agent = new ReActAgent({ model: openai("gpt-5"), tools: { ask_user: askUserTool } });
 * ```
 */
export const askUserTool = tool({
  description:
    "Asks the user one to four questions and waits for the answers. Give each question two to four options to choose from; " +
    "the user may also answer in other words. Use it when the answer decides what to do next and only the user knows it.",
  inputSchema,
  execute: async ({ questions }: Questions) => {
    const { answers } = await askUser(questions);
    return Object.entries(answers)
      .map(([question, answer]) => `${question}\n${answer}`)
      .join("\n\n");
  },
});

function isQuestions(value: unknown): value is Questions {
  return (
    typeof value === "object" && value !== null && "questions" in value && Array.isArray(value.questions)
  );
}
