/** Command-line texts → values. Each throws commander's InvalidArgumentError, which names the flag. */
import { InvalidArgumentError } from "commander";
import { parseServerUrl } from "../client/server-url.ts";

/** A URL to be used as it was given, so that what is printed about it is what was typed. */
export function serverUrl(text: string): string {
  try {
    parseServerUrl(text);
    return text;
  } catch {
    throw new InvalidArgumentError("It takes a URL with http:// or https://, such as http://127.0.0.1:8000.");
  }
}

/** A number; NaN for a text that is none, the empty text included. */
export function toNumber(text: string): number {
  return text.trim() === "" ? Number.NaN : Number(text);
}

/** Tokens with commas between them; one empty token, which is refused later, when there is none. */
export function splitTokens(text: string): string[] {
  const tokens = text
    .split(",")
    .map((token) => token.trim())
    .filter((token) => token !== "");
  return tokens.length > 0 ? tokens : [""];
}

export function seconds(text: string): number {
  const value = toNumber(text);
  if (value >= 0 && value !== Number.POSITIVE_INFINITY) return value;
  throw new InvalidArgumentError("It takes a number of seconds from 0.");
}

export function json(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new InvalidArgumentError(
      `It takes JSON; a text is written with quotes: '${JSON.stringify(text)}'.`,
    );
  }
}

export function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch {
    // Explained below, like JSON of another kind.
  }
  throw new InvalidArgumentError('It takes a JSON object, such as {"user": "ada"}.');
}

type Parameters = Record<string, string | number>;

/** One KEY=VALUE of several. */
export function parameter(text: string, others: Parameters = {}): Parameters {
  const equals = text.indexOf("=");
  if (equals < 1) throw new InvalidArgumentError("It takes KEY=VALUE, such as temperature=0.5.");
  return { ...others, [text.slice(0, equals)]: numberOrText(text.slice(equals + 1)) };
}

/** A number where JSON would see one and nothing is lost: "007" and a long account number stay texts. */
function numberOrText(text: string): string | number {
  if (!/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/.test(text)) return text;
  const value = Number(text);
  const isExact = Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  return isExact ? value : text;
}
