/** What ADK's events say, as the events of a turn. */
import type { Event } from "@google/adk";
import type { TurnContext } from "../types.ts";
import { isFramework, outputOf, textIn } from "./google-adk-messages.ts";
import { sayToolCall, sayToolResult } from "./say-tool.ts";

export class Speech {
  readonly #turn: TurnContext;
  /** Calls that were said. */
  readonly #called = new Set<string>();
  /** What was said of an answer that is not whole yet, by the agent that gives it. */
  readonly #streamed = new Map<string, { text: string; reasoning: string }>();

  constructor(turn: TurnContext) {
    this.#turn = turn;
  }

  /** Says what an agent says. An event that is whole repeats what was streamed before it, and may say more. */
  text({ author = "", branch = "", partial, content }: Event): void {
    const agent = `${branch}/${author}`;
    const text = textIn(content?.parts ?? []);
    const reasoning = textIn(content?.parts ?? [], true);
    const said = this.#streamed.get(agent) ?? { text: "", reasoning: "" };
    this.#emit("reasoning-delta", partial ? reasoning : rest(reasoning, said.reasoning));
    this.#emit("text-delta", partial ? text : rest(text, said.text));
    if (text === "" && reasoning === "") return;
    if (!partial) this.#streamed.delete(agent);
    else this.#streamed.set(agent, { text: said.text + text, reasoning: said.reasoning + reasoning });
  }

  /** Says which tools a whole event tells of. */
  tools({ content }: Event): void {
    for (const part of content?.parts ?? []) {
      const { functionCall, functionResponse } = part;
      const { id = "", name = "" } = functionCall ?? functionResponse ?? {};
      if (isFramework(part)) continue;
      if (functionCall !== undefined && !this.#called.has(id)) {
        this.#called.add(id);
        sayToolCall(this.#turn, { id, name }, functionCall.args);
      } else if (functionResponse !== undefined) {
        const output = outputOf(functionResponse);
        sayToolResult(this.#turn, { id, name, isError: isError(output) }, output);
      }
    }
  }

  #emit(type: "text-delta" | "reasoning-delta", delta: string): void {
    if (delta !== "") this.#turn.emit({ type, delta });
  }
}

/** What of a text comes after its beginning, if it begins so. */
function rest(text: string, beginning: string): string {
  return text.startsWith(beginning) ? text.slice(beginning.length) : "";
}

/** A tool that throws has nothing but the message as its result. */
function isError(output: unknown): boolean {
  return typeof output === "object" && output !== null && Object.keys(output).join() === "error";
}
