import { closeSync, constants, openSync, readSync } from "node:fs";
import { createInterface, type Interface } from "node:readline";
import type { Leave } from "./leave-on-signal.ts";

/** Whether a person types, and sees what is typed. */
export function isTerminal(): boolean {
  return process.stdin.isTTY === true && process.stdout.isTTY === true;
}

/** What a person types, with line editing and history, or what is piped in, line by line. */
export class Lines implements Disposable {
  readonly isTerminal = isTerminal();
  readonly #lines: Interface;
  /** Lines that came before anybody asked for them. */
  readonly #early: string[] = [];
  #asking: ((line: string | undefined) => void) | undefined;
  #isOver = false;

  constructor(leave: Leave) {
    if (this.isTerminal) this.#early.push(...linesTypedAhead());
    this.#lines = createInterface({
      input: process.stdin,
      ...(this.isTerminal && { output: process.stdout }),
      terminal: this.isTerminal,
    });
    this.#lines.on("line", (line) => {
      if (this.#asking === undefined) this.#early.push(line);
      else this.#answer(line);
    });
    this.#lines.on("close", () => {
      this.#isOver = true;
      this.#answer(undefined);
    });
    // A terminal in line-editing mode sends Ctrl+C as a key and not as a signal.
    this.#lines.on("SIGINT", () => leave.now("SIGINT"));
    leave.signal.addEventListener("abort", () => this.#lines.close());
  }

  /**
   * The next line; undefined when there is none, or when the question is withdrawn. What a person typed before a
   * question was on the screen is no answer to it: it waits to be the next message.
   */
  ask(prompt: string, withdrawn?: AbortSignal): Promise<string | undefined> {
    if (withdrawn?.aborted) return Promise.resolve(undefined);
    const mayBeEarly = !this.isTerminal || withdrawn === undefined;
    if (mayBeEarly && this.#early.length > 0) return Promise.resolve(this.#early.shift());
    if (this.#isOver) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    this.#asking = resolve;
    withdrawn?.addEventListener("abort", () => this.#answer(undefined), { once: true });
    if (this.isTerminal) {
      this.#lines.setPrompt(prompt);
      this.#lines.prompt();
    }
    return promise;
  }

  [Symbol.dispose](): void {
    this.#lines.close();
    if (this.isTerminal) process.stdout.write("\n");
  }

  #answer(line: string | undefined): void {
    this.#asking?.(line);
    this.#asking = undefined;
  }
}

/** The lines that were typed before anybody read from the terminal: they wait in it, and would answer the first question. */
function linesTypedAhead(): string[] {
  const pieces: Buffer[] = [];
  try {
    // Opened anew: a stdin that never waits would not wait for others that have it open, such as the shell.
    const terminal = openSync("/dev/tty", constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const buffer = Buffer.alloc(4_096);
      for (;;) {
        const size = readSync(terminal, buffer);
        if (size === 0) break;
        pieces.push(Buffer.from(buffer.subarray(0, size)));
      }
    } finally {
      closeSync(terminal);
    }
  } catch {
    // Nothing more is there, or this system has no such file.
  }
  return Buffer.concat(pieces).toString().split("\n").slice(0, -1);
}
