import { type Command, Option } from "commander";
import type { Role, SendMessage, Webhook } from "../client/client.ts";
import {
  clientCommand,
  connect,
  requires,
  type WaitFlags,
  withSessionId,
  withWait,
} from "./client-command.ts";
import { parameter } from "./parse-value.ts";
import { print, printJson } from "./print.ts";

const roles: Role[] = ["user", "system", "assistant", "tool"];

interface SendFlags extends WaitFlags {
  role: Role;
  param?: Record<string, unknown>;
  webhookUrl?: string;
  webhookToken?: string;
  webhookIncludeMessages?: true;
  stream?: true;
}

export function addSend(serve: Command): void {
  const command = clientCommand(
    serve,
    "send",
    "Send a message, which starts a turn, and print that it was accepted",
  );
  withWait(withSessionId(command).argument("<message>", "The text"))
    .addOption(new Option("--role <role>", "Who the message is from").choices(roles).default("user"))
    .addOption(
      new Option("--stream", "Print each event of the turn as a line of JSON (default: do not)").conflicts(
        "wait",
      ),
    )
    .option("--param <key=value>", "A parameter for the agent; may be repeated (default: none)", parameter)
    .option("--webhook-url <url>", "Where the server posts the result, http or https (default: nowhere)")
    .option("--webhook-token <token>", "With --webhook-url: sent there as bearer token (default: none)")
    .option("--webhook-include-messages", "With --webhook-url: post the whole state too (default: do not)")
    .action(async (url: string, id: string, content: string, flags: SendFlags) => {
      requires(command, "webhookToken", "webhookUrl");
      requires(command, "webhookIncludeMessages", "webhookUrl");
      const client = await connect(url);
      const message = messageOf(content, flags);
      if (flags.stream) {
        for await (const event of client.stream(id, message)) await print(JSON.stringify(event));
        return;
      }
      const accepted = await client.send(id, message);
      const { wait, timeout } = flags;
      if (!wait) await printJson(accepted);
      else await printJson(await client.wait(id, timeout === undefined ? {} : { timeout }));
    });
}

function messageOf(content: string, flags: SendFlags): SendMessage {
  const { role, param, webhookUrl: url, webhookToken: token, webhookIncludeMessages } = flags;
  const webhook: Webhook | undefined =
    url === undefined
      ? undefined
      : {
          url,
          ...(token !== undefined && { token }),
          ...(webhookIncludeMessages && { include_messages: true }),
        };
  return { role, content, ...(param && { user_params: param }), ...(webhook && { webhook }) };
}
