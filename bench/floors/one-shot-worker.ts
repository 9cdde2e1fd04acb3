/** One turn, one process, as anybody would write it: say ready, answer one message, exit. */
import type { ChatMessage } from "motus-serve";
import { agent } from "../echo-agent.ts";

process.on("message", async ({ message, state }: { message: ChatMessage; state: ChatMessage[] }) => {
  const [response, newState] = await agent(message, state);
  // Bun calls the fourth argument once the message has been handed to the kernel.
  process.send?.({ response, state: newState }, undefined, undefined, () => process.exit(0));
});
process.send?.("ready");
