/** The result of a turn as the texts that travel: the response, and only what is new of the state. */
import type { ChatMessage } from "../protocol/chat-message.ts";
import type { Turn } from "./types.ts";

// As it was before the agent could change it.
const { stringify } = JSON;

export interface SerialisedTurn {
  /** The response, as JSON. */
  response: string;
  /** How many of the messages that came in still stand at the start of the state. */
  keep: number;
  /** The messages after those, as JSON Lines. */
  append: string;
}

/**
 * @param before The state's messages as they came in, each as its JSON text.
 * @throws {TypeError} when a message cannot be written as JSON, such as a cyclic one.
 * @throws {RangeError} when the response and the new messages are longer than `maxLength` characters.
 */
export function serialiseTurn(turn: Turn, before: readonly string[], maxLength: number): SerialisedTurn {
  const [response, state] = turn;
  // Messages are compared as texts and not by identity, because an agent may change one in place.
  let keep = 0;
  while (keep < state.length && keep < before.length && stringify(state[keep]) === before[keep]) keep += 1;
  const added = state.slice(keep).map(messageText);
  const serialised = { response: messageText(response), keep, append: added.join("\n") };
  const length = serialised.response.length + serialised.append.length;
  if (length > maxLength) {
    throw new RangeError(
      `Agent returned ${length} characters of response and new state; the most that a turn may return is ${maxLength}`,
    );
  }
  return serialised;
}

/** A message as JSON; one with a `toJSON` of its own may become anything. */
function messageText(message: ChatMessage): string {
  const text: string | undefined = stringify(message);
  if (text?.startsWith("{")) return text;
  throw new TypeError(`Agent must return a (response, state) tuple, got a message that is ${text} as JSON`);
}
