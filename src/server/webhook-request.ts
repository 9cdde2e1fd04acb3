/** One POST to one of the addresses that were checked, and to nowhere else. */
import type { LookupAddress } from "node:dns";
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";
import type { LookupFunction } from "node:net";

/** Read so that the receiver can end in peace; whoever writes more is cut off. */
const maxAnswerBytes = 64 * 1024;

export interface WebhookRequest {
  headers: Record<string, string>;
  body: Buffer;
  /** What the URL's host was resolved to. Nothing is resolved again, so the name cannot lead elsewhere by now. */
  addresses: LookupAddress[];
  signal: AbortSignal;
}

export interface WebhookAnswer {
  status: number;
  retryAfterMs: number | undefined;
}

/**
 * Follows no redirect: it would carry the token and the conversation to a place that nobody named.
 * Rejects when there is no answer, and when `signal` fires before there is one.
 */
export function postWebhook(url: URL, request: WebhookRequest): Promise<WebhookAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WebhookAnswer>();
  const { headers, body, addresses, signal } = request;
  const send = url.protocol === "https:" ? requestHttps : requestHttp;
  // Without an agent there is no connection of before to take, which may lead to another address. Unlike
  // fetch, node:http takes a `lookup`, no proxy from the environment, and TLS checks the name in the URL.
  const outgoing = send(url, {
    method: "POST",
    headers: { ...headers, "content-length": String(body.length) },
    agent: false,
    lookup: answerWith(addresses),
    signal,
  });
  outgoing.on("error", reject);
  outgoing.on("response", (incoming) => {
    const { statusCode: status = 0, headers } = incoming;
    const retryAfterMs = parseRetryAfter(headers["retry-after"]);
    // The status counts, whatever becomes of what follows it.
    const end = () => resolve({ status, retryAfterMs });
    outgoing.off("error", reject).on("error", end);
    incoming.on("error", end).on("close", end);
    let bytes = 0;
    incoming.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxAnswerBytes) outgoing.destroy();
    });
  });
  outgoing.end(body);
  return promise;
}

function answerWith(addresses: LookupAddress[]): LookupFunction {
  return (host, { all }, callback) => {
    const [first] = addresses;
    process.nextTick(() => {
      if (first === undefined) callback(new Error(`"${host}" has no address`), "");
      else if (all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
}

/** `Retry-After` in milliseconds: seconds, or a date of HTTP. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}
