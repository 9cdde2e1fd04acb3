/** `motus-serve/google-adk`: an LlmAgent of ADK's that is also an agent of motus, for those who want it by name. */
import * as adk from "@google/adk";
import type { ChatMessage } from "../protocol/chat-message.ts";
import { quieten } from "./adapters/google-adk.ts";
import { GoogleAdkTurn } from "./adapters/google-adk-turn.ts";
import type { ServableAgent, Turn, TurnContext } from "./types.ts";

/**
 * An `LlmAgent` with `runTurn`. Any agent of ADK's is served without it; with it, a turn can be run in one's own code.
 *
 * @example
 * ```ts
 * import { Agent } from "motus-serve/google-adk";
 *
 * export const agent = new Agent({ name: "assistant", model: "gemini-2.5-flash", instruction: "Be brief." });
 * ```
 */
export class Agent extends adk.LlmAgent implements ServableAgent {
  /** What the start line says of it. */
  get [Symbol.toStringTag](): string {
    return "Google ADK agent";
  }

  async prepare(): Promise<void> {
    quieten(adk);
  }

  /** One turn: the conversation so far and a message, to the response and the conversation with both. */
  runTurn(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
    return new GoogleAdkTurn(adk, { rootAgent: this }, turn).run(message, state);
  }
}
