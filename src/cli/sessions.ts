import type { Command } from "commander";
import { clientCommand, connect } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addSessions(serve: Command): void {
  clientCommand(serve, "sessions", "Print all sessions, oldest first").action(async (url: string) => {
    const client = await connect(url);
    const { sessions } = await client.listSessions();
    await printJson(sessions);
  });
}
