/**
 * What the nodes of a Workflow ask, for which ADK ends the run: the answers are the message that the next run starts with,
 * and only the nodes that have asked go on.
 */
import type { Event, UserInputRequest } from "@google/adk";
import type { TurnContext } from "../types.ts";
import type { Content } from "./google-adk-messages.ts";
import type { Adk } from "./google-adk-plugin.ts";
import { conversation, inputRequest } from "./google-adk-questions.ts";

type Part = NonNullable<Content["parts"]>[number];

export class NodeRequests {
  readonly #adk: Adk;
  readonly #turn: TurnContext;
  readonly #said: (event: Event) => void;
  /** By the call that is to be answered. */
  readonly #open = new Map<string, { request: UserInputRequest; event: Event }>();

  /** @param said Hears of the questions and answers, as events that ADK does not tell of. */
  constructor(adk: Adk, turn: TurnContext, said: (event: Event) => void) {
    this.#adk = adk;
    this.#turn = turn;
    this.#said = said;
  }

  /** @throws when something is asked for that no answer can be. */
  hear(event: Event): void {
    for (const request of this.#adk.getUserInputRequests(event)) {
      if (request.kind !== "input") throw unanswerable(request);
      this.#open.set(request.interruptId, { request, event });
    }
    for (const { functionResponse } of event.content?.parts ?? [])
      this.#open.delete(functionResponse?.id ?? "");
  }

  /** Asks all that is open at once; undefined when nothing is. */
  async answers(): Promise<Content | undefined> {
    const open = [...this.#open.values()];
    this.#open.clear();
    const parts = await Promise.all(open.map(({ request, event }) => this.#answer(request, event)));
    return parts.length === 0 ? undefined : { role: "user", parts };
  }

  async #answer(request: UserInputRequest, event: Event): Promise<Part> {
    const { interruptId: id, functionCallName: name, message, payload, responseSchema } = request;
    const question = inputRequest({ message, payload, response_schema: responseSchema });
    const answer = await this.#turn.interrupt(question);
    for (const said of conversation(this.#adk, event, message, answer)) this.#said(said);
    return { functionResponse: { id, name, response: { result: answer } } };
  }
}

function unanswerable({ kind, message = "", toolName = "a tool" }: UserInputRequest): Error {
  const quoted = message && ` ("${message}")`;
  if (kind === "credential")
    return new Error(
      `A tool asks the user for a credential${quoted}, which has no way through a conversation; give it to the tool in the agent's own code`,
    );
  return new Error(
    `The confirmation of ${toolName}${quoted} was taken over by another plugin and cannot be asked`,
  );
}
