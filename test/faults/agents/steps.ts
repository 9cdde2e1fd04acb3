/** Calls home at each step of its life, and waits there until it is let go, or ended. */
import { writeFileSync } from "node:fs";
import type { ChatMessage, Turn, TurnContext } from "motus-serve";

const { FAULTS_HOME: home = "", FAULTS_FOLDER: folder = "" } = process.env;
const call = (step: string, turnId = "") =>
  fetch(`${home}${step}?pid=${process.pid}&turn=${turnId}`, { timeout: false } as RequestInit);

await call("importing");

export async function agent(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
  const step = message.content ?? "";
  switch (step) {
    case "streaming":
      for (let i = 0; i < 20; i++) turn.emit({ type: "text-delta", delta: `${i} ` });
      await call(step, turn.turnId);
      for (let i = 0; i < 20; i++) turn.emit({ type: "text-delta", delta: `${i} ` });
      break;
    case "interrupted":
      await call(step, turn.turnId);
      await turn.interrupt("go on?");
      break;
    case "answered":
      await turn.interrupt("go on?");
      await call(step, turn.turnId);
      break;
    case "exiting":
      await call(step, turn.turnId);
      process.on("exit", () => {
        writeFileSync(`${folder}/${turn.turnId}`, "");
        Bun.sleepSync(500);
      });
      break;
    default:
      await call(step, turn.turnId);
  }
  const response: ChatMessage = { role: "assistant", content: turn.turnId };
  return [response, [...state, message, response]];
}
