/** What the commands that talk to a server share. */
import type { Command } from "commander";
import type { MotusClient } from "../client/client.ts";
import { seconds, serverUrl, splitTokens } from "./parse-value.ts";

const environmentHelp = `
Environment:
  MOTUS_TOKEN  Sent as "Authorization: Bearer <token>"; of several with commas between them, the first (default: none)`;

/** A command whose first argument is the server's URL. */
export function clientCommand(serve: Command, name: string, description: string): Command {
  return serve
    .command(name)
    .description(description)
    .argument("<url>", "Where the server listens, such as http://127.0.0.1:8000", serverUrl)
    .addHelpText("after", environmentHelp);
}

export function withSessionId(command: Command): Command {
  return command.argument("<id>", "The session's id");
}

export interface WaitFlags {
  wait?: true;
  timeout?: number;
}

export function withWait(command: Command): Command {
  return command
    .option("--wait", "Wait until no turn runs in the session (default: do not wait)")
    .option("--timeout <seconds>", "With --wait: how long at most, in seconds (default: no limit)", seconds)
    .hook("preAction", (self) => requires(self, "timeout", "wait"));
}

/** Ends the command with a usage error when a flag was given without the one that it belongs to. */
export function requires(command: Command, flag: string, other: string): void {
  if (command.getOptionValueSource(flag) === "cli" && command.getOptionValueSource(other) === undefined) {
    command.error(`error: option '--${dashed(flag)}' needs option '--${dashed(other)}'`);
  }
}

function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A client for the server, with the token of the environment. */
export async function connect(url: string): Promise<MotusClient> {
  const { MotusClient } = await import("../client/client.ts");
  const [token] = splitTokens(process.env.MOTUS_TOKEN ?? "");
  return new MotusClient(url, token ? { token } : {});
}
