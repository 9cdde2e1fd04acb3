import type { Command } from "commander";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addDelete(serve: Command): void {
  const command = clientCommand(serve, "delete", "Delete a session; its running turn is killed");
  withSessionId(command).action(async (url: string, id: string) => {
    const client = await connect(url);
    await client.deleteSession(id);
    await printJson({ deleted: id });
  });
}
