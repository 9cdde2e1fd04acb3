/**
 * Notes its turn in a file, so that a turn that ran twice can be seen; then it takes as long as the message says, starts
 * processes that would outlive it by ten minutes, or asks.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import type { ChatMessage, Turn, TurnContext } from "motus-serve";

export async function agent(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
  appendFileSync(process.env.NOTES_FILE ?? "", `${turn.turnId}\n`);
  const [what, number = "0"] = (message.content ?? "").split(" ");
  if (what === "children") {
    spawn("sleep", ["600"], { stdio: "ignore" });
    spawn("sh", ["-c", "trap '' TERM HUP; sleep 600 & wait"], { stdio: "inherit" });
    spawn("setsid", ["sleep", "600"], { stdio: "ignore", detached: true });
  }
  if (what === "ask") await turn.interrupt("go on?");
  await Bun.sleep(Number(number));
  const response: ChatMessage = { role: "assistant", content: turn.turnId };
  return [response, [...state, message, response]];
}
