import type { Command } from "commander";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { json } from "./parse-value.ts";
import { printJson } from "./print.ts";

export function addResume(serve: Command): void {
  withSessionId(clientCommand(serve, "resume", "Answer a question of the session's turn"))
    .argument("<interrupt_id>", "Which question, from the session's interrupts")
    .argument("<value>", "The answer as JSON, such as '{\"approved\": true}'", json)
    .action(async (url: string, id: string, interruptId: string, value: unknown) =>
      printJson(await (await connect(url)).resume(id, interruptId, value)),
    );
}
