/**
 * What a reader hears of a graph's models: the texts of those messages that end up in the state, each once. A message
 * is heard while it is said where that can be told beforehand, and from the state otherwise.
 */
import type { BaseMessage } from "@langchain/core/messages";
import type { TurnContext } from "../types.ts";
import { isAi, textIn } from "./langchain-content.ts";
import { reasoningIn } from "./langchain-reasoning.ts";

interface Said {
  text: string;
  reasoning: string;
}

export class Speech {
  readonly #turn: TurnContext;
  /** What was said so far of each message, by its id. */
  readonly #said = new Map<string, Said>();
  /** Messages of which a piece went unheard: the state tells them whole. */
  readonly #missed = new Set<string>();
  /** Messages that came whole: they are said when they are in the state. */
  readonly #expected = new Set<string>();
  /** Whose turn it is to speak: of several models that speak at once only the first is heard. */
  #speaker: { id: string; place: string } | undefined;

  constructor(turn: TurnContext) {
    this.#turn = turn;
  }

  /**
   * A piece of a message.
   *
   * @param kept What is in the state already; it is said first.
   */
  hear(piece: BaseMessage, place: string, kept: readonly BaseMessage[]): void {
    const { id = "" } = piece;
    const text = textIn(piece);
    const reasoning = reasoningIn(piece);
    if (text === "" && reasoning === "") return;
    if (this.#missed.has(id) || (this.#speaker !== undefined && this.#speaker.id !== id)) {
      this.miss(piece);
      return;
    }
    if (this.#speaker === undefined) this.say(kept);
    this.#speaker = { id, place };
    const said = this.#said.get(id) ?? { text: "", reasoning: "" };
    this.#emit("reasoning-delta", reasoning);
    this.#emit("text-delta", text);
    this.#said.set(id, { text: said.text + text, reasoning: said.reasoning + reasoning });
  }

  /** A piece of a message that is not to be heard, unless the state tells it. */
  miss({ id = "" }: BaseMessage): void {
    this.#missed.add(id);
  }

  /** A whole message, which may yet not be kept. */
  expect({ id = "" }: BaseMessage): void {
    this.#expected.add(id);
  }

  /** Called when the nodes at a place have ended: others speak from now on. */
  pass(place: string, kept: readonly BaseMessage[]): void {
    if (this.#speaker?.place === place) this.#speaker = undefined;
    const last = kept.findLastIndex(({ id = "" }) => this.#expected.has(id));
    if (last !== -1 && this.#speaker === undefined) this.say(kept, last + 1);
  }

  /** Says of the state's messages what was not said yet, of all or of the first few. */
  say(messages: readonly BaseMessage[], count = messages.length): void {
    const kept = new Set(messages.map(({ id = "" }) => id));
    for (const message of messages.slice(0, count).filter(isAi)) {
      const whole = { text: textIn(message), reasoning: reasoningIn(message) };
      const said = this.#said.get(message.id ?? "") ?? this.#copied(whole.text, kept);
      this.#said.set(message.id ?? "", whole);
      this.#emit("reasoning-delta", rest(whole.reasoning, said.reasoning));
      this.#emit("text-delta", rest(whole.text, said.text));
    }
  }

  /** What was said of a message that a node has copied into one of its own, which has another id. */
  #copied(text: string, kept: ReadonlySet<string>): Said {
    for (const [id, said] of this.#said) {
      if (kept.has(id) || said.text.trim() === "" || said.text.trim() !== text.trim()) continue;
      this.#said.delete(id);
      return { text, reasoning: said.reasoning };
    }
    return { text: "", reasoning: "" };
  }

  #emit(type: "text-delta" | "reasoning-delta", delta: string): void {
    if (delta !== "") this.#turn.emit({ type, delta });
  }
}

/** What is left to say; nothing if what was said has become something else. */
function rest(whole: string, said: string): string {
  return whole.startsWith(said) ? whole.slice(said.length) : "";
}
