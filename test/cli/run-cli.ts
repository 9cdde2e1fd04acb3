/** The command line as a user has it: a process of its own. */
import { fileURLToPath } from "node:url";

/** The command line's entry. */
export const mainFile = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const fixtures = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));

export interface CliOptions {
  /** What is piped in; nothing unless given. */
  stdin?: string;
  environment?: Record<string, string>;
}

export interface CliResult {
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** Starts a command; its working directory is test/fixtures/agents. */
export function startCli(parameters: string[], environment: Record<string, string> = {}) {
  return Bun.spawn([process.execPath, mainFile, ...parameters], {
    cwd: fixtures,
    env: { ...process.env, MOTUS_TOKEN: "", ...environment },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

/** Runs a command to its end. */
export async function runCli(
  parameters: string[],
  { stdin = "", environment }: CliOptions = {},
): Promise<CliResult> {
  await using child = startCli(parameters, environment);
  child.stdin.write(stdin);
  await child.stdin.end();
  const [stdout, stderr, exitCode] = await Promise.all([
    new Output(child.stdout).end(),
    new Output(child.stderr).end(),
    child.exited,
  ]);
  return { stdout, stderr, exitCode };
}

/**
 * What runs a command line inside `script`. It replaces the shell, which would otherwise stay beside it: Ctrl+C reaches both,
 * and some shells then end with 130 whatever the command's own exit code is.
 */
export const shellCommand = `exec ${process.execPath} ${mainFile}`;

/** Reads a stream as it comes. */
export class Output {
  text = "";
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  /** Resolves with all of the output so far as soon as it fits; fails when it ends before. */
  async until(pattern: RegExp): Promise<RegExpMatchArray> {
    for (;;) {
      const match = this.text.match(pattern);
      if (match !== null) return match;
      const { value, done } = await this.#reader.read();
      if (done) throw new Error(`The output ended before ${pattern}: ${this.text}`);
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** Reads no more: whoever writes finds a broken pipe. */
  cancel(): Promise<void> {
    return this.#reader.cancel();
  }

  /** All of the output. */
  async end(): Promise<string> {
    for (;;) {
      const { value, done } = await this.#reader.read();
      if (done) return this.text;
      this.text += this.#decoder.decode(value, { stream: true });
    }
  }
}
