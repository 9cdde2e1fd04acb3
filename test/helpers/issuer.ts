/** An identity provider with real keys: it signs tokens, and serves its key set over HTTP on 127.0.0.1. */
import { exportJWK, generateKeyPair, type JWK, SignJWT } from "jose";

export const issuerName = "https://issuer.example";
export const audience = "motus";

export interface Issuer extends AsyncDisposable {
  /** Where its key set is. */
  url: string;
  /** How often the key set was asked for. */
  readonly fetches: number;
  /** The key set as it is served now. */
  readonly keySet: { keys: JWK[] };
  /** Takes a new key, and forgets the old ones unless told to keep them. */
  rotate(options?: { keep?: boolean }): Promise<void>;
  /** A token of somebody, an hour long; `claims` may say otherwise. */
  token(sub: string, claims?: Record<string, unknown>, header?: { kid?: string }): Promise<string>;
  /** Answers with this status instead of the key set, until called without one. */
  break(status?: number): void;
}

export async function startIssuer(): Promise<Issuer> {
  let keySet: { keys: JWK[] } = { keys: [] };
  let current: { kid: string; key: CryptoKey };
  let count = 0;
  let fetches = 0;
  let broken: number | undefined;
  const rotate: Issuer["rotate"] = async ({ keep = false } = {}) => {
    count += 1;
    const kid = `key-${count}`;
    const { privateKey, publicKey } = await generateKeyPair("RS256");
    const jwk = { ...(await exportJWK(publicKey)), kid, use: "sig", alg: "RS256" };
    keySet = { keys: keep ? [...keySet.keys, jwk] : [jwk] };
    current = { kid, key: privateKey };
  };
  await rotate();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch() {
      fetches += 1;
      return broken === undefined ? Response.json(keySet) : new Response("broken", { status: broken });
    },
  });
  return {
    url: `http://127.0.0.1:${server.port}/keys.json`,
    get fetches() {
      return fetches;
    },
    get keySet() {
      return keySet;
    },
    rotate,
    token(sub, claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1_000);
      const whole = { iss: issuerName, aud: audience, sub, iat: now, exp: now + 3_600, ...claims };
      const { kid } = { kid: current.kid, ...header };
      return new SignJWT(whole).setProtectedHeader({ alg: "RS256", kid }).sign(current.key);
    },
    break(status) {
      broken = status;
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
