import type { Command } from "commander";
import { clientCommand, connect } from "./client-command.ts";
import type { ChatFlags } from "./conversation.ts";
import { parameter } from "./parse-value.ts";

export function addChat(serve: Command): void {
  clientCommand(serve, "chat", "Talk to an agent: one message, or a conversation when there is none")
    .argument("[message]", "The message (default: read from the terminal or from stdin, a message a line)")
    .option(
      "--session <id>",
      "Go on in this session, first with a turn that is under way, and keep it (default: a new one, deleted at the end)",
    )
    .option("--keep", "Keep the new session, and print how to go on in it (default: delete it)")
    .option("--param <key=value>", "A parameter for the agent; may be repeated (default: none)", parameter)
    .action(async (url: string, message: string | undefined, flags: ChatFlags) => {
      const { chat } = await import("./conversation.ts");
      process.exitCode = await chat(await connect(url), message, flags);
    });
}
