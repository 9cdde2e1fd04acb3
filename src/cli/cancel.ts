import type { Command } from "commander";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addCancel(serve: Command): void {
  withSessionId(clientCommand(serve, "cancel", "Stop the session's turn and print the session")).action(
    async (url: string, id: string) => printJson(await (await connect(url)).cancel(id)),
  );
}
