/** The state of a graph: what a turn has added to its messages, and which of that is the answer. */
import type { BaseMessage } from "@langchain/core/messages";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { isAi, isTool, outputOf } from "./langchain-content.ts";
import { fromMessages } from "./langchain-messages.ts";
import type { Interrupt } from "./langchain-questions.ts";
import { parseJson } from "./message-parts.ts";

/** What a graph streams of its state after each step. */
export interface Values {
  messages?: BaseMessage[];
  /** The object that was asked for. */
  structuredResponse?: unknown;
  __interrupt__?: Interrupt[];
}

export class GraphState {
  /** What the turn has added so far. */
  added: BaseMessage[] = [];
  /** The ids of the messages that the turn began with. */
  readonly #old: ReadonlySet<string | undefined>;
  #structured: unknown;

  constructor(before: readonly BaseMessage[]) {
    this.#old = new Set(before.map(({ id }) => id));
  }

  update(values: Values): void {
    const added = this.newIn(values);
    this.added = values.messages?.some(isSummary) ? this.#withSummarised(added) : added;
    this.#structured = values.structuredResponse;
  }

  /** What a state holds that was not there when the turn began, also one of a graph that is a node. */
  newIn({ messages = [], structuredResponse }: Values): BaseMessage[] {
    const added = messages.filter((message) => !this.#old.has(message.id) && !isSummary(message));
    return withoutFiller(added, structuredResponse);
  }

  /** The answer and all that was added; `isNew` if the answer is in no message of the graph's. */
  answer(): { response: ChatMessage; added: ChatMessage[]; isNew: boolean } {
    const added = fromMessages(this.added);
    const last = added.at(-1);
    const content = separateAnswer(last, this.#structured);
    if (content !== undefined) {
      const response: ChatMessage = { role: "assistant", content };
      return { response, added: [...added, response], isNew: true };
    }
    if (last?.role === "assistant") return { response: last, added, isNew: false };
    throw new Error(
      'The graph has ended without an answer: the last of its "messages" is not an assistant\'s',
    );
  }

  /** A summary takes messages out of the state: the session keeps those, and not the summary. */
  #withSummarised(added: readonly BaseMessage[]): BaseMessage[] {
    const ids = new Set(added.map(({ id }) => id));
    return [...this.added.filter(({ id }) => !ids.has(id)), ...added];
  }
}

/** The answer if it is not the last message already: an object, or what a tool has returned as the answer. */
function separateAnswer(last: ChatMessage | undefined, structured: unknown): string | undefined {
  const { role, content = "" } = last ?? {};
  if (structured === undefined) return role === "tool" ? content : undefined;
  if (role === "assistant" && Bun.deepEquals(parseJson(content), structured)) return undefined;
  return JSON.stringify(structured);
}

/** A message of `summarizationMiddleware`. */
function isSummary({ additional_kwargs: { lc_source } }: BaseMessage): boolean {
  return lc_source === "summarization";
}

/** Where a tool has taken the object, LangChain adds a message that says so to nobody. */
function withoutFiller(messages: BaseMessage[], structured: unknown): BaseMessage[] {
  const [tool, last] = messages.slice(-2);
  if (structured === undefined || tool === undefined || last === undefined) return messages;
  const isFiller = isTool(tool) && isAi(last) && Bun.deepEquals(outputOf(tool), structured);
  return isFiller ? messages.slice(0, -1) : messages;
}
