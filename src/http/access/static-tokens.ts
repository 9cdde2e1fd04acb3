/** Tokens that were given to the server; whoever shows one sees everything. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { Logger } from "../../logger.ts";
import { readTokens } from "../../server/access-options.ts";
import type { Caller } from "./caller.ts";
import { WatchedFile } from "./watched-file.ts";

export interface StaticTokensOptions {
  tokens: readonly string[];
  tokenFile: string | null;
  logger: Logger;
}

/** Holds hashes only: they are of one length, so that comparing them takes the same time whatever is shown. */
export class StaticTokens {
  readonly #given: readonly Buffer[];
  readonly #file: WatchedFile<readonly Buffer[]> | undefined;

  /** @throws {MotusError} `option_invalid` when the file cannot be read or has no token in it. */
  constructor({ tokens, tokenFile, logger }: StaticTokensOptions) {
    this.#given = tokens.map(hash);
    if (tokenFile === null) return;
    let isStart = true;
    const parse = (text: string) => {
      const listed = readTokens(text);
      // Later, an empty file means that its tokens are taken back.
      if (isStart && listed.length === 0)
        throw new Error("it has no token in it; write a token a line, or leave --token-file out");
      return listed.map(hash);
    };
    this.#file = new WatchedFile({ what: "the token file", path: tokenFile, logger, parse });
    isStart = false;
  }

  /** Whose token it is; undefined when it is none of ours. */
  find(token: string): Caller | undefined {
    const shown = hash(token);
    let isOurs = false;
    for (const known of [...this.#given, ...(this.#file?.value ?? [])]) {
      if (timingSafeEqual(known, shown)) isOurs = true; // And goes on: which one it is takes no less time.
    }
    return isOurs ? { id: `token:${shown.toString("hex")}`, owner: null } : undefined;
  }
}

function hash(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}
