/** Who may call a server: what can be said about it in options, and what cannot be meant. */
import { resolve } from "node:path";
import { MotusError } from "../errors.ts";
import { isLoopback } from "./is-loopback.ts";

/** The options about who may call. */
export interface AccessOptions {
  host: string;
  tokens: readonly string[];
  tokenFile: string | null;
  jwtJwks: string | null;
  jwtIssuer: string | null;
  jwtAudience: string | null;
  insecure: boolean;
}

/** How tokens of an identity provider are checked. */
export interface JwtOptions {
  /** A URL, or the path of a file. */
  jwks: URL | string;
  issuer: string;
  audience: string;
}

/**
 * @throws {MotusError} `option_invalid`; `address_unprotected` when others could reach a server that asks for no token.
 */
export function checkAccess(options: AccessOptions): void {
  for (const token of options.tokens) checkToken(token);
  jwtOptions(options);
  if (isLoopback(options.host) || asksForToken(options) || options.insecure) return;
  throw new MotusError(
    "address_unprotected",
    `Cannot listen on ${options.host} without a token: whoever reaches it could run the agent; give it one with --token, ` +
      "MOTUS_TOKEN, --token-file or --jwt-jwks, or say --insecure if something in front of it keeps others out",
  );
}

/** Whether requests need a token. */
export function asksForToken({ tokens, tokenFile, jwtJwks }: AccessOptions): boolean {
  return tokens.length > 0 || tokenFile !== null || jwtJwks !== null;
}

/** How tokens of an identity provider are checked; null when they are not accepted. @throws {MotusError} `option_invalid`. */
export function jwtOptions({ jwtJwks, jwtIssuer, jwtAudience }: AccessOptions): JwtOptions | null {
  if (jwtJwks === null && jwtIssuer === null && jwtAudience === null) return null;
  if (!jwtJwks || !jwtIssuer || !jwtAudience) {
    throw new MotusError(
      "option_invalid",
      "Cannot check tokens of an issuer: --jwt-jwks, --jwt-issuer and --jwt-audience belong together, and one of them is missing",
    );
  }
  const jwks = /^https?:\/\//i.test(jwtJwks) ? keySetUrl(jwtJwks) : resolve(jwtJwks);
  return { jwks, issuer: jwtIssuer, audience: jwtAudience };
}

/**
 * A token a line; empty lines and those that begin with `#` say nothing.
 *
 * @throws {Error} naming the line at fault, and never what is in it.
 */
export function readTokens(text: string): string[] {
  return text.split("\n").flatMap((line, index) => {
    const token = line.trim();
    if (token === "" || token.startsWith("#")) return [];
    if (isToken(token)) return [token];
    throw new Error(`line ${index + 1} is no token: it takes letters, digits and signs without spaces`);
  });
}

/** Whoever can change the keys on their way can sign tokens, so the way must be safe. */
function keySetUrl(text: string): URL {
  const url = URL.parse(text);
  const host = url?.hostname.replace(/^\[|\]$/g, "") ?? "";
  if (url !== null && (url.protocol === "https:" || isLoopback(host))) return url;
  throw new MotusError(
    "option_invalid",
    `Cannot use "${text}" as --jwt-jwks: it takes a URL with https://, or the path of a file; http:// only to this machine`,
  );
}

/** The message does not repeat what may be a secret with a typing error in it. */
function checkToken(token: string): void {
  if (isToken(token) && !token.includes(",")) return;
  const what = token === "" ? "it is empty" : "it takes letters, digits and signs without spaces and commas";
  throw new MotusError("option_invalid", `Cannot use a token: ${what}`);
}

/** What can be sent in a header as it is. */
function isToken(text: string): boolean {
  return /^[\x21-\x7e]+$/.test(text);
}
