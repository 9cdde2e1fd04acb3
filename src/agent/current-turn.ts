/**
 * The turn's own functions for code that has no third argument at hand, deep in a tool for example. A worker runs one
 * turn, so there is one of it; it lies on the global object, because an agent may bring its own copy of this package.
 */
import { MotusError } from "../errors.ts";
import type { AgentEvent } from "../protocol/event.ts";
import { isQuestion } from "../protocol/interrupt.check.ts";
import type { Question, UserInput, UserInputAnswer } from "../protocol/interrupt.ts";
import type { TurnContext } from "./types.ts";

const key = Symbol.for("motus.current-turn");
const holder = globalThis as { [key]?: TurnContext };

/** Called in the worker when its turn starts. */
export function setCurrentTurn(turn: TurnContext): void {
  holder[key] = turn;
}

/**
 * Says something while the turn runs, like `turn.emit`.
 *
 * @throws {MotusError} `outside_turn`; {TypeError} when it is no event, {RangeError} when it is longer than 1 MB.
 */
export function emit(event: AgentEvent): void {
  currentTurn("emit").emit(event);
}

/**
 * Asks a person and waits for the answer, like `turn.interrupt`.
 *
 * @throws {MotusError} `outside_turn`; {RangeError} when the payload is longer than 256 kB as JSON, or a
 * hundred questions wait already.
 */
export async function interrupt(payload: unknown): Promise<unknown> {
  return currentTurn("interrupt").interrupt(payload);
}

/**
 * Asks a person one to four questions, each with two to four options; an answer in other words is always possible.
 *
 * @returns the answers by question.
 * @throws {MotusError} `outside_turn`; {TypeError} when the questions do not fit, or the answer is none.
 *
 * @example
 * ```ts
 * const { answers } = await askUser([
 *   {
 *     question: "Which database?",
 *     header: "Storage",
 *     options: [
 *       { label: "SQLite", description: "One file" },
 *       { label: "Postgres", description: "A server" },
 *     ],
 *   },
 * ]);
 * ```
 */
export async function askUser(
  questions: (Omit<Question, "multiSelect"> & { multiSelect?: boolean })[],
): Promise<UserInputAnswer> {
  const turn = currentTurn("askUser");
  const complete = questions.map((question) => ({ multiSelect: false, ...question }));
  if (complete.length < 1 || complete.length > 4 || !complete.every(isQuestion)) {
    throw new TypeError(
      "Cannot ask: it takes one to four questions, each with question, header and two to four options of label and description",
    );
  }
  const payload: UserInput = { type: "user_input", questions: complete };
  const answer = await turn.interrupt(payload);
  if (isAnswer(answer)) return answer;
  throw new TypeError(
    `Cannot use the answer ${JSON.stringify(answer)}: it must be {"answers": {question: text}}`,
  );
}

function isAnswer(value: unknown): value is UserInputAnswer {
  if (typeof value !== "object" || value === null || !("answers" in value)) return false;
  const { answers } = value;
  return (
    typeof answers === "object" &&
    answers !== null &&
    Object.values(answers).every((answer) => typeof answer === "string")
  );
}

function currentTurn(caller: string): TurnContext {
  const turn = holder[key];
  if (turn !== undefined) return turn;
  throw new MotusError(
    "outside_turn",
    `Cannot call ${caller}() here: it works only while a turn runs, in an agent that motus serves`,
  );
}
