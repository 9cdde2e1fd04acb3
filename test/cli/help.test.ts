import { describe, expect, test } from "bun:test";
import packageJson from "../../package.json" with { type: "json" };
import { runCli } from "./run-cli.ts";

const agentCommands = ["compile", "doctor"];
const storeCommands = ["store check", "store export"];
const commands = ["start", "chat", "health", "create", "sessions", "get", "delete", "messages", "send"];

describe("motus", () => {
  test("--version prints the version", async () => {
    expect(await runCli(["--version"])).toEqual({
      stdout: `${packageJson.version}\n`,
      stderr: "",
      exitCode: 0,
    });
  });

  test("--help names what there is", async () => {
    const { stdout, exitCode } = await runCli(["serve", "--help"]);
    for (const command of commands) expect(stdout).toMatch(new RegExp(`^  ${command} .*<`, "m"));
    expect(exitCode).toBe(0);
    const all = (await runCli(["--help"])).stdout;
    for (const command of [...agentCommands, "store", "serve"])
      expect(all).toMatch(new RegExp(`^  ${command} `, "m"));
  });

  test.each([...agentCommands, ...storeCommands, ...commands.map((command) => `serve ${command}`)])(
    "%s --help explains every option with its default",
    async (command) => {
      const { stdout, stderr, exitCode } = await runCli([...command.split(" "), "--help"]);
      expect(stderr).toBe("");
      expect(stdout).toStartWith(`Usage: motus ${command} `);
      const options = stdout.slice(stdout.indexOf("Options:")).replace(/\n {10,}/g, " ");
      for (const [line, flag] of options.matchAll(/^ +(?:-h, )?(--[a-z-]+).*$/gm)) {
        if (flag !== "--help") expect(line).toMatch(/default: |without it, /);
      }
      expect(exitCode).toBe(0);
    },
  );

  test.each([
    [[], "Usage: motus"],
    [["serve"], "Usage: motus serve"],
    [["serve", "strt"], "Error: unknown command 'strt'\n(Did you mean start?)"],
    [["doctor"], "Error: missing required argument 'agent'"],
    [["compile", "a", "--cachedir", "x"], "Error: unknown option '--cachedir'\n(Did you mean --cache-dir?)"],
    [["serve", "start"], "Error: missing required argument 'agent'"],
    [
      ["serve", "health", "http://x", "y"],
      "Error: too many arguments for 'health'. Expected 1 argument but got 2: http://x, y.",
    ],
    [["serve", "start", "a", "--prot", "1"], "Error: unknown option '--prot'\n(Did you mean --port?)"],
    [["serve", "start", "a", "--port"], "Error: option '--port <number>' argument missing"],
    [
      ["serve", "start", "a", "--port", "65536"],
      "Error: option '--port <number>' argument '65536' is invalid. It takes a whole number from 0 to 65535.",
    ],
    [
      ["serve", "start", "a", "--workers", ""],
      "Error: option '--workers <count>' argument '' is invalid. It takes a whole number from 1 to 10000.",
    ],
    [
      ["serve", "start", "a", "--ttl", "-1"],
      "Error: option '--ttl <seconds>' argument '-1' is invalid. It takes a number from 0 to 1000000000.",
    ],
    [
      ["serve", "start", "a", "--log-level", "loud"],
      "Error: option '--log-level <level>' argument 'loud' is invalid. Allowed choices are debug, info, warn, warning, error.",
    ],
    [
      ["serve", "health", "localhost:8000"],
      "Error: command-argument value 'localhost:8000' is invalid for argument 'url'. It takes a URL with http:// or https://, such as http://127.0.0.1:8000.",
    ],
    [
      ["serve", "create", "http://x", "--metadata", "[1]"],
      `Error: option '--metadata <json>' argument '[1]' is invalid. It takes a JSON object, such as {"user": "ada"}.`,
    ],
    [
      ["serve", "chat", "http://x", "hi", "--param", "=1"],
      "Error: option '--param <key=value>' argument '=1' is invalid. It takes KEY=VALUE, such as temperature=0.5.",
    ],
    [["serve", "get", "http://x", "id", "--timeout", "1"], "Error: option '--timeout' needs option '--wait'"],
    [
      ["serve", "send", "http://x", "id", "hi", "--webhook-include-messages"],
      "Error: option '--webhook-include-messages' needs option '--webhook-url'",
    ],
  ])("%j is a usage error: it says what is wrong and exits with 2", async (parameters, message) => {
    const { stdout, stderr, exitCode } = await runCli(parameters);
    expect(stdout).toBe("");
    expect(stderr).toStartWith(message);
    if (message.startsWith("Error")) expect(stderr.trimEnd()).toBe(message);
    expect(exitCode).toBe(2);
  });
});
