import type { Command } from "commander";
import type { Metadata } from "../client/client.ts";
import { clientCommand, connect } from "./client-command.ts";
import { jsonObject } from "./parse-value.ts";
import { printJson } from "./print.ts";

export function addCreate(serve: Command): void {
  clientCommand(serve, "create", "Start a session and print it")
    .option("--metadata <json>", "Your own data about it, a JSON object (default: {})", jsonObject)
    .action(async (url: string, flags: { metadata?: Metadata }) => {
      const client = await connect(url);
      await printJson(await client.createSession(flags));
    });
}
