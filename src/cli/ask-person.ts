/** What a turn asks a person, on the command line: a question on stderr, an answer as the agent expects it. */
import { styleText } from "node:util";
import type {
  Question,
  ToolApproval,
  ToolApprovalAnswer,
  UserInput,
  UserInputAnswer,
} from "../client/client.ts";
import { isQuestion } from "../protocol/interrupt.check.ts";
import { printable } from "./printable.ts";

/** Asks for a line; undefined when there is none. */
export type Ask = (prompt: string) => Promise<string | undefined>;

/** The value to resume with; undefined when nobody answers. */
export async function askPerson(payload: unknown, ask: Ask): Promise<{ value: unknown } | undefined> {
  if (isOf<ToolApproval>(payload, "tool_approval") && typeof payload.tool_name === "string") {
    return wrap(await askApproval(payload, ask));
  }
  if (isOf<UserInput>(payload, "user_input") && areQuestions(payload.questions)) {
    return wrap(await askQuestions(payload.questions, ask));
  }
  return askJson(payload, ask);
}

function isOf<T extends { type: string }>(payload: unknown, type: T["type"]): payload is T {
  return typeof payload === "object" && payload !== null && "type" in payload && payload.type === type;
}

/** Whether they can be asked: an agent may name its payload so and write it in its own way. */
function areQuestions(questions: unknown): boolean {
  return Array.isArray(questions) && questions.length > 0 && questions.every(isQuestion);
}

function wrap(value: unknown): { value: unknown } | undefined {
  return value === undefined ? undefined : { value };
}

async function askApproval(
  { tool_name, tool_args }: ToolApproval,
  ask: Ask,
): Promise<ToolApprovalAnswer | undefined> {
  tell(
    `${styleText("bold", "May it run")} ${printable(tool_name)} ${printable(JSON.stringify(tool_args) ?? "")}?`,
  );
  const line = (await ask("y or n, and why: "))?.trim();
  if (line === undefined) return undefined;
  const [, yes, reason = ""] = /^(y(?:es)?\b|n(?:o)?\b)?\s*[,:]?\s*(.*)$/is.exec(line) ?? [];
  const approved = yes?.toLowerCase().startsWith("y") === true;
  return { approved, ...(reason !== "" && { message: reason }) };
}

async function askQuestions(questions: readonly Question[], ask: Ask): Promise<UserInputAnswer | undefined> {
  const answers: Record<string, string> = {};
  for (const question of questions) {
    const answer = await askQuestion(question, ask);
    if (answer === undefined) return undefined;
    answers[question.question] = answer;
  }
  return { answers };
}

async function askQuestion(
  { header, question, options, multiSelect }: Question,
  ask: Ask,
): Promise<string | undefined> {
  tell(`${styleText("bold", printable(header))}  ${printable(question)}`);
  for (const [index, { label, description, markdown }] of options.entries()) {
    tell(`  ${index + 1}. ${printable(label)}  ${styleText("dim", printable(description))}`);
    if (markdown !== undefined) tell(Bun.markdown.ansi(printable(markdown)).trimEnd());
  }
  for (;;) {
    const line = await ask(multiSelect ? "numbers, or your own words: " : "number, or your own words: ");
    if (line === undefined) return undefined;
    const chosen = choose(line.trim(), options, multiSelect);
    if (chosen !== "") return chosen;
  }
}

/** The labels of the options whose numbers a line holds, or the line itself. */
function choose(line: string, options: Question["options"], multiSelect: boolean): string {
  const numbers = line.split(/[\s,]+/);
  const labels = numbers.map((number) =>
    /^\d+$/.test(number) ? options[Number(number) - 1]?.label : undefined,
  );
  if (labels.includes(undefined) || (labels.length > 1 && !multiSelect)) return line;
  return labels.join(", ");
}

async function askJson(payload: unknown, ask: Ask): Promise<{ value: unknown } | undefined> {
  tell(printable(JSON.stringify(payload, null, 2)));
  for (;;) {
    const line = await ask("answer in JSON: ");
    if (line === undefined) return undefined;
    try {
      return { value: JSON.parse(line) };
    } catch {
      tell(
        `Cannot read the answer: it is not JSON; a text is written with quotes, such as ${JSON.stringify(line)}`,
      );
    }
  }
}

function tell(text: string): void {
  console.error(text);
}
