/**
 * A turn of nothing, run while the worker still waits for its own: it finds the code on its way compiled then, and its
 * client waits a tenth less.
 */
import { runAgent } from "../agent/run-agent.ts";
import { serialiseTurn } from "../agent/serialise-turn.ts";
import type { ChatMessage } from "../protocol/chat-message.ts";
import { WorkerTurnContext } from "./turn-context.ts";

export async function rehearse(): Promise<void> {
  const context = new WorkerTurnContext({ sessionId: "", turnId: "" }, () => {});
  const message: ChatMessage = JSON.parse('{"role":"user","content":""}');
  const turn = await runAgent((said, state) => [said, [...state, said]], message, [message], context);
  serialiseTurn(turn, [JSON.stringify(message)], 1_000);
}
