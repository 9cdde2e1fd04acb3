import type { Command } from "commander";
import { clientCommand, connect, type WaitFlags, withSessionId, withWait } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addGet(serve: Command): void {
  const command = clientCommand(serve, "get", "Print a session: its status and the last turn's answer");
  withWait(withSessionId(command)).action(async (url: string, id: string, { wait, ...limit }: WaitFlags) => {
    const client = await connect(url);
    await printJson(wait ? await client.wait(id, limit) : await client.getSession(id));
  });
}
