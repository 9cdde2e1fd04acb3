/** The agent's view of its turn, and the worker's handles on it. */
import type { TurnContext } from "../agent/types.ts";
import { isAgentEvent } from "../protocol/event.check.ts";
import type { AgentEvent } from "../protocol/event.ts";
import { maxDeltaCharacters, maxOpenQuestions, maxQuestionCharacters } from "../protocol/limits.ts";
import type { TokenUsage } from "../protocol/session.ts";
import type { FromWorker, ToWorker } from "../protocol/worker-message.ts";
import { EventSender } from "./event-sender.ts";

type Names = Pick<Extract<ToWorker, { type: "turn-start" }>, "sessionId" | "turnId">;

type DeltaEvent = Extract<AgentEvent, { delta: string }>;

export class WorkerTurnContext implements TurnContext {
  readonly sessionId: string;
  readonly turnId: string;
  readonly #send: (message: FromWorker) => void;
  readonly #events: EventSender;
  readonly #questions = new Map<string, (answer: unknown) => void>();
  readonly #usage: TokenUsage = { input_tokens: 0, output_tokens: 0, total_tokens: 0 };
  #controller: AbortController | undefined;

  constructor({ sessionId, turnId }: Names, send: (message: FromWorker) => void) {
    this.sessionId = sessionId;
    this.turnId = turnId;
    this.#send = send;
    this.#events = new EventSender(send);
  }

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    return this.#controller.signal;
  }

  // Arrow functions: agents take the context apart.
  readonly emit = (event: AgentEvent): void => {
    if (!isAgentEvent(event)) {
      throw new TypeError(
        `Cannot emit ${Bun.inspect(event, { depth: 1 })}: it takes text-delta, reasoning-delta, tool-call, tool-result or custom, with their fields`,
      );
    }
    if (event.type === "tool-result") this.#events.add({ is_error: false, ...event });
    else if ("delta" in event && event.delta.length > maxDeltaCharacters) this.#addPieces(event);
    else this.#events.add(event);
  };

  readonly interrupt = async (payload: unknown): Promise<unknown> => {
    const json = JSON.stringify(payload);
    if (json === undefined) throw new TypeError(`Cannot ask ${typeof payload}: a question must be JSON`);
    if (json.length > maxQuestionCharacters) {
      throw new RangeError(
        `Cannot ask: the question has ${json.length} characters as JSON, and may have ${maxQuestionCharacters}`,
      );
    }
    if (this.#questions.size >= maxOpenQuestions) {
      throw new RangeError(
        `Cannot ask: ${maxOpenQuestions} questions of this turn wait already; wait for some of their answers first`,
      );
    }
    const interruptId = crypto.randomUUID();
    const answer = Promise.withResolvers<unknown>();
    this.#questions.set(interruptId, answer.resolve);
    this.#events.flush(); // What was said before the question comes before it.
    this.#send({ type: "turn-interrupt", interruptId, payload: json });
    return answer.promise;
  };

  readonly reportUsage: TurnContext["reportUsage"] = ({ input_tokens, output_tokens, total_tokens }) => {
    const total = total_tokens ?? input_tokens + output_tokens;
    for (const count of [input_tokens, output_tokens, total]) {
      if (Number.isSafeInteger(count) && count >= 0) continue;
      throw new TypeError(`Cannot report ${count} tokens: it takes whole numbers from 0`);
    }
    this.#usage.input_tokens += input_tokens;
    this.#usage.output_tokens += output_tokens;
    this.#usage.total_tokens += total;
    const { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: totalTokens } = this.#usage;
    this.#send({ type: "turn-usage", inputTokens, outputTokens, totalTokens });
  };

  /** Gives a question its answer, as JSON. */
  answer(interruptId: string, value: string): void {
    this.#questions.get(interruptId)?.(JSON.parse(value));
    this.#questions.delete(interruptId);
  }

  /** Fires the signal; false when the agent never asked for it and so cannot react. */
  abort(reason: string): boolean {
    this.#controller?.abort(new DOMException(reason, "AbortError"));
    return this.#controller !== undefined;
  }

  /** Sends what waits to be sent. */
  flush(): void {
    this.#events.flush();
  }

  /** A long text in several deltas, cut between characters. */
  #addPieces(event: DeltaEvent): void {
    for (let start = 0, end: number; start < event.delta.length; start = end) {
      end = start + maxDeltaCharacters;
      if (isHighSurrogate(event.delta.charCodeAt(end - 1))) end -= 1;
      this.#events.add({ ...event, delta: event.delta.slice(start, end) });
    }
  }
}

/** Whether a code unit is the first half of a character. */
function isHighSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdbff;
}
