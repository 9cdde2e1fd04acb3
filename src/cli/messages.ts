import type { Command } from "commander";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addMessages(serve: Command): void {
  const command = clientCommand(serve, "messages", "Print a session's messages as the agent keeps them");
  withSessionId(command).action(async (url: string, id: string) => {
    const client = await connect(url);
    await printJson(await client.messages(id));
  });
}
