import type { Command } from "commander";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addTurns(serve: Command): void {
  withSessionId(
    clientCommand(serve, "turns", "Print how the session's turns ended and what they cost"),
  ).action(async (url: string, id: string) => printJson(await (await connect(url)).turns(id)));
}
