import { type Command, InvalidArgumentError, Option } from "commander";
import { type NumericOption, rangeProblem, resolveOptions } from "../server/options.ts";
import { splitTokens, toNumber } from "./parse-value.ts";
import type { ServeFlags } from "./serve.ts";

/** The flags that are numbers: each is the option of the same name, with its range and default. */
const numericFlags: Record<NumericOption, { value: string; help: string; fallback?: string }> = {
  port: { value: "number", help: "Port to listen on; 0 takes a free one" },
  workers: {
    value: "count",
    help: "Turns that may run at once, each in a process of its own",
    fallback: "4 for each CPU",
  },
  standby: {
    value: "count",
    help: "Processes that wait ahead with the agent loaded",
    fallback: "1 for each CPU, at most --workers",
  },
  ttl: { value: "seconds", help: "Delete a session this long after its last activity; 0 never" },
  timeout: { value: "seconds", help: "How long a turn may run; 0 without limit" },
  maxOutput: {
    value: "bytes",
    help: "What a turn may write to stdout and stderr together; 0 without limit",
  },
  maxEvents: { value: "count", help: "Events that a turn may say; 0 without limit" },
  maxCpu: {
    value: "seconds",
    help: "Processor time that a turn may use, as whole seconds, on Linux; 0 without limit",
  },
  maxMemory: {
    value: "MB",
    help: "Memory that a turn's process and what it starts may use, on Linux; 0 without limit",
  },
  interruptTtl: {
    value: "seconds",
    help: "How long a question to a person waits for its answer; 0 for ever",
  },
  maxInterrupted: {
    value: "count",
    help: "Turns that may wait for a person",
    fallback: "10 for each of --workers",
  },
  maxSessions: { value: "count", help: "Sessions to hold at most; 0 without limit" },
  maxQueue: { value: "count", help: "Turns that may wait for a process" },
  shutdownTimeout: { value: "seconds", help: "How long running turns get to end when the server stops" },
  maxBodyBytes: { value: "bytes", help: "Longest request body" },
  maxConnections: {
    value: "count",
    help: "Requests that may be open at once, those that wait among them; 0 without limit",
  },
  rateLimit: {
    value: "count",
    help: "Requests a second that each token, or each address without one, may make; 0 without limit",
  },
  standbyMaxAge: {
    value: "seconds",
    help: "How long a process may wait for its turn before a new one takes its place; 0 for ever",
  },
};

export function addServeStart(serve: Command): void {
  const defaults = resolveOptions({});
  const command = serve
    .command("start")
    .description("Serve an agent over HTTP until SIGTERM or Ctrl+C")
    .argument(
      "<agent>",
      "The agent as module:export, such as src/app.ts:agent; without :export, the default export",
    )
    .option("--host <address>", `Address to listen on (default: ${defaults.host})`);
  for (const [name, { value, help, fallback }] of Object.entries(numericFlags)) {
    const option = name as NumericOption;
    const shown = fallback === undefined ? defaults[option] : `${defaults[option]}, ${fallback}`;
    command.option(`${flagOf(name)} <${value}>`, `${help} (default: ${shown})`, numberFor(option));
  }
  command
    .option(
      "--store <store>",
      `Where sessions are kept: memory, or sqlite:FILE to keep them when the server ends (default: ${defaults.store})`,
    )
    .option(
      "--token <tokens>",
      "Tokens that callers must show, with commas between them; may be repeated (default: $MOTUS_TOKEN, or none)",
      (text: string, others: string[] = []) => [...others, ...splitTokens(text)],
    )
    .option(
      "--token-file <file>",
      "A file with such tokens, one a line; a change of it counts at once (default: none)",
    )
    .option(
      "--jwt-jwks <url-or-file>",
      "The keys of an identity provider, whose tokens are accepted too: each sees its own sessions (default: none)",
    )
    .option("--jwt-issuer <iss>", "The issuer that such tokens must have (default: none)")
    .option("--jwt-audience <aud>", "The audience that such tokens must have (default: none)")
    .option("--insecure", "Listen without a token on an address that others can reach (default: do not)")
    .option(
      "--allow-custom-ids",
      "Let clients choose session ids with PUT /sessions/{uuid} (default: do not)",
    )
    .option(
      "--cors-origin <origin>",
      "Web pages that may call the server, such as https://app.example.com, or * for any; may be repeated (default: none)",
      repeated,
    )
    .option(
      "--webhook-allow-private",
      "Let webhooks call loopback and private addresses (default: only when --host is a loopback address)",
    )
    .option("--sandbox", "Run turns in a sandbox, on Linux with bubblewrap (default: do not)")
    .option(
      "--sandbox-read <path>",
      "A file or folder in a home or temporary folder that they can read all the same; may be repeated (default: none)",
      repeated,
    )
    .option(
      "--sandbox-write <path>",
      "A file or folder that they can write; may be repeated (default: none)",
      repeated,
    )
    .option("--sandbox-no-network", "Let them reach no network (default: they do)")
    .option(
      "--env <name>",
      "A variable of the environment that turns get, instead of all; may be repeated (default: all, with --sandbox none)",
      repeated,
    )
    .option("--watch", "Run the agent's files as they are saved, from the next turn on (default: do not)")
    .option("--no-compile", "Start workers from source (default: compile the agent's packages)")
    .option("--cache-dir <folder>", `Where compiled workers are kept (default: ${defaults.cacheDir})`)
    .addOption(
      new Option("--log-level <level>", "Least important lines to log")
        .choices(["debug", "info", "warn", "warning", "error"])
        .default("info"),
    )
    .addOption(
      new Option(
        "--log-format <format>",
        "How to log; without it, pretty on a terminal and json elsewhere",
      ).choices(["pretty", "json"]),
    )
    .action(async (agent: string, flags: ServeFlags) => {
      // Loaded only now: help and the client commands need no server.
      const { serve } = await import("./serve.ts");
      await serve(agent, flags);
    });
}

function repeated(value: string, others: string[] = []): string[] {
  return [...others, value];
}

function flagOf(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function numberFor(option: NumericOption): (text: string) => number {
  return (text) => {
    const value = toNumber(text);
    const wanted = rangeProblem(option, value);
    if (wanted !== undefined) throw new InvalidArgumentError(`It takes ${wanted}.`);
    return value;
  };
}
