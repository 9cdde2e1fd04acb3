/** The token of a request → who makes it. */

import { asksForToken, jwtOptions } from "../../server/access-options.ts";
import type { ResolvedOptions } from "../../server/options.ts";
import { anyone, type Caller } from "./caller.ts";
import { JwtVerifier } from "./jwt-verifier.ts";
import { StaticTokens } from "./static-tokens.ts";
import { tokenInvalid, tokenMissing } from "./token-errors.ts";

export class Authenticator {
  /** Whether a request needs a token. */
  readonly isOn: boolean;
  readonly #tokens: StaticTokens;
  readonly #jwt: JwtVerifier | undefined;

  /** @throws {MotusError} `option_invalid` when a file that it needs cannot be read. */
  constructor(options: ResolvedOptions) {
    this.isOn = asksForToken(options);
    this.#tokens = new StaticTokens(options);
    const jwt = jwtOptions(options);
    if (jwt !== null) this.#jwt = new JwtVerifier(jwt, options.logger);
  }

  /** @throws {MotusError} `token_missing`, `token_invalid`, `keys_unavailable`. */
  async callerOf(request: Request, path: string): Promise<Caller> {
    if (!this.isOn) return anyone;
    const [, token] = request.headers.get("authorization")?.match(/^Bearer +(\S+) *$/i) ?? [];
    if (token === undefined) throw tokenMissing(request.method, path);
    const known = this.#tokens.find(token);
    if (known !== undefined) return known;
    if (this.#jwt === undefined) throw tokenInvalid("it is none of this server's");
    const sub = await this.#jwt.verify(token);
    return { id: `sub:${sub}`, owner: sub };
  }
}
