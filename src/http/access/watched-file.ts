import { readFileSync } from "node:fs";
import { MotusError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";

/** How long what was read counts before the file is looked at again. */
const freshMs = 1_000;

export interface WatchedFileOptions<T> {
  /** What the file is, for messages: "the token file". */
  what: string;
  path: string;
  logger: Logger;
  /** Throws when the text makes no sense. */
  parse: (text: string) => T;
}

/**
 * A small file that may be written again while the server runs. It is read again when it is asked for, at most once a
 * second: that works for whatever way it is replaced, which notices of the file system do not.
 */
export class WatchedFile<T> {
  readonly #options: WatchedFileOptions<T>;
  #text: string;
  #value: T;
  #readAt = Date.now();
  #problem = "";

  /** @throws {MotusError} `option_invalid` when it cannot be read or makes no sense. */
  constructor(options: WatchedFileOptions<T>) {
    this.#options = options;
    try {
      this.#text = readFileSync(options.path, "utf8");
      this.#value = options.parse(this.#text);
    } catch (error) {
      const { message } = error as Error;
      throw new MotusError("option_invalid", `Cannot use ${options.what} "${options.path}": ${message}`, {
        cause: error,
      });
    }
  }

  /** What the file says; what it said before, while it cannot be read or makes no sense. */
  get value(): T {
    // The clock may be set back.
    if (Math.abs(Date.now() - this.#readAt) >= freshMs) this.#readAgain();
    return this.#value;
  }

  #readAgain(): void {
    const { what, path, logger, parse } = this.#options;
    this.#readAt = Date.now();
    try {
      const text = readFileSync(path, "utf8");
      if (text !== this.#text) {
        this.#value = parse(text);
        this.#text = text;
        logger.info({ path }, `${what} has changed and was read again`);
      }
      this.#problem = "";
    } catch (error) {
      const { message } = error as Error;
      if (message !== this.#problem) {
        logger.error({ path, error: message }, `${what} cannot be read: what it said before still counts`);
      }
      this.#problem = message;
    }
  }
}
