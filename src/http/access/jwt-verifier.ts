/** JSON Web Tokens of an identity provider: its key set says who signed them, their `sub` who shows them. */
import type { JWTVerifyGetKey, JWTVerifyOptions } from "jose";
import { MotusError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import type { JwtOptions } from "../../server/access-options.ts";
import { tokenInvalid } from "./token-errors.ts";
import { WatchedFile } from "./watched-file.ts";

/** What clocks may differ by, in seconds. */
const clockTolerance = 5;
/** How long a fetch of keys may take. */
const fetchTimeoutMs = 5_000;
/** A token with an unknown key id makes the keys be fetched again, so often at most: anyone can send such tokens. */
const refetchMs = 30_000;
/** How long fetched keys count: a key that is taken back is believed no longer than this. */
const freshMs = 600_000;

export class JwtVerifier {
  readonly #logger: Logger;
  readonly #where: string;
  readonly #options: JWTVerifyOptions;
  readonly #keys: JWTVerifyGetKey;

  /** @throws {MotusError} `option_invalid` when the keys are in a file that cannot be read. */
  constructor({ jwks, issuer, audience }: JwtOptions, logger: Logger) {
    this.#logger = logger;
    this.#where = String(jwks);
    this.#options = { issuer, audience, clockTolerance, requiredClaims: ["exp", "sub"] };
    this.#keys = jwks instanceof URL ? keysAt(jwks) : keysIn(jwks, logger);
  }

  /**
   * The token's `sub`.
   *
   * @throws {MotusError} `token_invalid`; `keys_unavailable` when the keys cannot be fetched.
   */
  async verify(token: string): Promise<string> {
    const { jwtVerify } = await import("jose");
    const { payload } = await jwtVerify(token, this.#keys, this.#options).catch((error) => {
      throw this.#refused(error);
    });
    if (typeof payload.sub === "string" && payload.sub !== "") return payload.sub;
    throw tokenInvalid("its sub is empty");
  }

  #refused(error: unknown): MotusError {
    const { code = "", claim } = error as { code?: string; claim?: string };
    if (isAboutKeys(code)) {
      this.#logger.error({ err: error, jwks: this.#where }, "the keys of tokens cannot be fetched");
      return new MotusError(
        "keys_unavailable",
        "Cannot check the token: the keys of its issuer are not to be had now; try again later",
        { headers: { "Retry-After": "5" }, cause: error },
      );
    }
    return tokenInvalid(reasons[claim === undefined ? code : `${code} ${claim}`] ?? reasons[code] ?? unknown);
  }
}

const unknown = "it is no token of the issuer that this server trusts";
const reasons: Record<string, string> = {
  ERR_JWT_EXPIRED: "it has expired; get a new one",
  "ERR_JWT_CLAIM_VALIDATION_FAILED aud": "it is meant for another audience",
  "ERR_JWT_CLAIM_VALIDATION_FAILED iss": "it is of another issuer",
  "ERR_JWT_CLAIM_VALIDATION_FAILED nbf": "it is not valid yet",
  "ERR_JWT_CLAIM_VALIDATION_FAILED sub": "it does not say whose it is (sub)",
  "ERR_JWT_CLAIM_VALIDATION_FAILED exp": "it does not say when it ends (exp)",
  ERR_JWKS_NO_MATCHING_KEY: "its key is not among those of the issuer",
  ERR_JWKS_MULTIPLE_MATCHING_KEYS: "it does not say which of the issuer's keys has signed it (kid)",
  ERR_JOSE_NOT_SUPPORTED: "it is signed in a way that is not accepted",
  ERR_JWS_SIGNATURE_VERIFICATION_FAILED: "its signature is wrong",
};

/** Whether it is the keys that are at fault and not the token. */
function isAboutKeys(code: string): boolean {
  // What fetch throws has no code of jose's; what is no key set, or no answer with one, has these.
  return !code.startsWith("ERR_J") || /^ERR_(JWKS_TIMEOUT|JWKS_INVALID|JOSE_GENERIC)$/.test(code);
}

function keysAt(url: URL): JWTVerifyGetKey {
  let keys: JWTVerifyGetKey | undefined;
  return async (header, token) => {
    const { createRemoteJWKSet } = await import("jose");
    keys ??= createRemoteJWKSet(url, {
      timeoutDuration: fetchTimeoutMs,
      cooldownDuration: refetchMs,
      cacheMaxAge: freshMs,
    });
    return keys(header, token);
  };
}

function keysIn(path: string, logger: Logger): JWTVerifyGetKey {
  const file = new WatchedFile({ what: "the key set", path, logger, parse: parseKeySet });
  let current: { from: unknown; keys: JWTVerifyGetKey } | undefined;
  return async (header, token) => {
    const { createLocalJWKSet } = await import("jose");
    const from = file.value;
    if (current?.from !== from) current = { from, keys: createLocalJWKSet(from) };
    return current.keys(header, token);
  };
}

function parseKeySet(text: string): { keys: object[] } {
  const set = JSON.parse(text);
  const isSet = Array.isArray(set?.keys) && set.keys.every((key: unknown) => typeof key === "object" && key);
  if (!isSet) throw new Error('it is no JSON Web Key Set, {"keys": [{"kty": …}]}');
  return set;
}
