import type { Command } from "commander";
import { clientCommand, connect } from "./client-command.ts";
import { printJson } from "./print.ts";

export function addHealth(serve: Command): void {
  clientCommand(serve, "health", "Print how busy a server is").action(async (url: string) => {
    const client = await connect(url);
    await printJson(await client.health());
  });
}
