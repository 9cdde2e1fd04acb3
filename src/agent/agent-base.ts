import type { ChatMessage } from "../protocol/chat-message.ts";
import type { AgentEvent } from "../protocol/event.ts";
import type { ServableAgent, Turn, TurnContext } from "./types.ts";

/** What `run` answers: a text, or a message with more to it. */
export type AgentAnswer = string | ChatMessage;

/**
 * An answer that is given bit by bit: strings that are yielded are text for the reader (`text-delta` events), and objects
 * are events. One that returns nothing has answered with the text that it yielded.
 */
export type AgentSpeech = Generator<Said, Ending> | AsyncGenerator<Said, Ending>;

type Said = string | AgentEvent;
// biome-ignore lint/suspicious/noConfusingVoidType: a generator without a return statement returns void
type Ending = AgentAnswer | void;

/**
 * An agent of one method, for code that talks to a model by itself or needs none. What is said is remembered for it.
 *
 * @example
 * ```ts
 * import type { ChatMessage } from "motus-serve";
 * import { AgentBase } from "motus-serve/agent";
 *
 * class Parrot extends AgentBase {
 *   override name = "Parrot";
 *
 *   async *run(message: ChatMessage, memory: ChatMessage[]) {
 *     yield `You said: ${message.content}`;
 *     if (memory.length > 1) yield " (and more before)";
 *   }
 * }
 *
 * export const agent = new Parrot();
 * ```
 */
export abstract class AgentBase implements ServableAgent {
  /** What the server calls it when it starts. */
  name?: string;
  /**
   * What the model is to be told before everything else. It stands first in the memory and is never part of the kept
   * conversation, so that a new version of it counts at once. A function is called on every turn; a worker may have
   * been loaded long before its turn.
   */
  systemPrompt?: string | (() => string);

  /**
   * Answers a message.
   *
   * @param message What was said now.
   * @param memory The conversation: the system prompt if there is one, what was said before, and the message last. It is
   * the agent's own: messages added to it (calls of tools and their results) are kept, and messages taken out of it are
   * forgotten. The answer need not be added.
   * @param turn The turn's signal, events, questions and usage.
   */
  abstract run(
    message: ChatMessage,
    memory: ChatMessage[],
    turn: TurnContext,
  ): AgentAnswer | Promise<AgentAnswer> | AgentSpeech;

  /** Called by motus: gives `run` its memory, and keeps what has come of it. */
  async *runTurn(message: ChatMessage, state: ChatMessage[], turn: TurnContext): AsyncGenerator<Said, Turn> {
    const prompt = typeof this.systemPrompt === "function" ? this.systemPrompt() : this.systemPrompt;
    const system: ChatMessage[] = prompt === undefined ? [] : [{ role: "system", content: prompt }];
    const memory = [...system, ...state, message];
    const running = this.run(message, memory, turn);
    const answer: unknown = isSpeech(running) ? yield* hear(running) : await running;
    const response = messageOf(answer);
    const kept = memory.filter(({ role, content }) => role !== "system" || content !== prompt);
    return [response, kept.at(-1) === response ? kept : [...kept, response]];
  }

  get [Symbol.toStringTag](): string {
    return this.name ?? "AgentBase";
  }
}

function isSpeech(running: object | string): running is AgentSpeech {
  return typeof running === "object" && "next" in running;
}

/** Passes on what is yielded, and remembers its text. */
async function* hear(speech: AgentSpeech): AsyncGenerator<Said, AgentAnswer> {
  let text = "";
  for (;;) {
    const { done, value } = await speech.next();
    if (done) return value ?? text;
    if (typeof value === "string") text += value;
    else if (value.type === "text-delta") text += value.delta;
    yield value;
  }
}

function messageOf(answer: unknown): ChatMessage {
  if (typeof answer === "string") return { role: "assistant", content: answer };
  if (typeof answer === "object" && answer !== null) return answer as ChatMessage;
  throw new TypeError(`Agent must return a text or a message from run(), got ${String(answer)}`);
}
