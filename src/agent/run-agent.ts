/** One call of an agent, and the check of what it gave back. */
import { isChatMessage } from "../protocol/chat-message.check.ts";
import type { ChatMessage } from "../protocol/chat-message.ts";
import { dropNulls } from "../protocol/drop-nulls.ts";
import type { AgentEvent } from "../protocol/event.ts";
import type { AgentFunction, Turn, TurnContext } from "./types.ts";

/**
 * Runs an agent to its result, whatever form it has.
 *
 * @throws {TypeError} when the result is not `[response, state]` with valid messages.
 */
export async function runAgent(
  run: AgentFunction,
  message: ChatMessage,
  state: ChatMessage[],
  turn: TurnContext,
): Promise<Turn> {
  const returned: unknown = await run(message, state, turn);
  return checkTurn(isGenerator(returned) ? await drain(returned, turn) : returned);
}

function isGenerator(value: unknown): value is AsyncGenerator<unknown, unknown> {
  if (typeof value !== "object" || value === null) return false;
  return (
    "next" in value &&
    typeof value.next === "function" &&
    (Symbol.asyncIterator in value || Symbol.iterator in value)
  );
}

/** Runs a generator to its result; what it yields is said to the reader. */
async function drain(generator: AsyncGenerator<unknown, unknown>, turn: TurnContext): Promise<unknown> {
  for (;;) {
    const { done, value } = await generator.next();
    if (done) return value;
    turn.emit(typeof value === "string" ? { type: "text-delta", delta: value } : (value as AgentEvent));
  }
}

async function checkTurn(returned: unknown): Promise<Turn> {
  if (!Array.isArray(returned)) throw notATuple(describe(returned));
  if (returned.length !== 2) throw notATuple(`an array of ${returned.length}`);
  const response: unknown = dropNulls(returned[0]);
  if (!isChatMessage(response)) throw notATuple(`a response that ${await explain(response)}`);
  if (!Array.isArray(returned[1])) throw notATuple(`a state that is ${describe(returned[1])}`);
  const state: unknown[] = returned[1].map(dropNulls);
  const wrong = state.findIndex((message) => !isChatMessage(message));
  if (wrong !== -1) throw notATuple(`a state whose message ${wrong} ${await explain(state[wrong])}`);
  return [response, state as ChatMessage[]];
}

function notATuple(what: string): TypeError {
  return new TypeError(`Agent must return a (response, state) tuple, got ${what}`);
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return typeof value;
  const name = Object.getPrototypeOf(value)?.constructor?.name;
  return typeof name === "string" && name !== "" && name !== "Object" ? name : "object";
}

/** Says what is wrong with a message; what it needs for that is loaded only now. */
async function explain(value: unknown): Promise<string> {
  if (typeof value !== "object" || value === null) return `is ${describe(value)}`;
  // A path that a bundler cannot see, so that it stays where TypeBox can be found from.
  const { explainMessage } = await import(new URL("./explain-message.ts", import.meta.url).href);
  return explainMessage(value);
}
