/**
 * One webhook on its way: tried, and tried again with growing delays, until it has arrived, is refused or is
 * given up. Every try carries the same `webhook-id` and, when there is a secret, a signature of its own.
 */
import { lookup } from "node:dns/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook as Signer } from "standardwebhooks";
import { aborted } from "../aborted.ts";
import type { Logger } from "../logger.ts";
import type { Webhook } from "../protocol/http.ts";
import { version } from "../version.ts";
import { addressProblem, hostOf } from "./webhook-address.ts";
import { postWebhook } from "./webhook-request.ts";

export interface DeliveryOptions {
  logger: Logger;
  allowPrivate: boolean;
  /** How long to wait after each try that failed, in milliseconds; one try more than there are delays. */
  delaysMs?: readonly number[];
  /** How long one try may take. */
  timeoutMs?: number;
  /** What resolves a host to all of its addresses. */
  resolve?: typeof resolveAll;
}

/** Seven tries in about an hour and a quarter. */
const defaultDelaysMs = [1_000, 5_000, 30_000, 120_000, 600_000, 3_600_000];
const defaultTimeoutMs = 20_000;
/** No receiver can have its webhook kept for longer than a day. */
const maxDelayMs = 24 * 3_600_000;

type Try =
  | { result: "delivered" }
  | { result: "refused"; why: string }
  | { result: "failed"; why: string; retryAfterMs?: number | undefined };

export class WebhookDelivery {
  readonly #webhook: Webhook;
  readonly #url: URL;
  readonly #body: Buffer;
  readonly #options: DeliveryOptions;
  readonly #fields: Record<string, string>;
  readonly #id = `msg_${crypto.randomUUID()}`;
  /** Fires when there is no more time to wait between tries. */
  readonly #hurry = new AbortController();
  readonly #abandoned = new AbortController();
  #tries = 0;
  #isWaiting = false;

  constructor(
    webhook: Webhook,
    { body, sessionId }: { body: Buffer; sessionId: string },
    options: DeliveryOptions,
  ) {
    this.#webhook = webhook;
    this.#url = new URL(webhook.url);
    this.#body = body;
    this.#options = options;
    // The rest of a URL may be a secret of the receiver.
    this.#fields = { session_id: sessionId, webhook_id: this.#id, origin: this.#url.origin };
  }

  get bytes(): number {
    return this.#body.length;
  }

  get tries(): number {
    return this.#tries;
  }

  /** Whether it waits between two tries. */
  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  /** Lets the try that runs be the last one; if none runs, makes it now. */
  hurry(): void {
    this.#hurry.abort();
  }

  /** Gives up, also in the middle of a try. */
  abandon(why: string): void {
    this.#abandoned.abort(why);
    this.#hurry.abort();
  }

  /** Resolves when it has arrived or never will; what went wrong is in the log. */
  async run(): Promise<void> {
    const { logger, delaysMs = defaultDelaysMs } = this.#options;
    for (;;) {
      this.#tries += 1;
      const tried = await this.#try();
      const fields = { ...this.#fields, tries: this.#tries };
      if (tried.result === "delivered") return logger.debug(fields, "webhook delivered");
      const { why } = tried;
      if (tried.result === "refused") return logger.error({ ...fields, why }, "the webhook was refused");
      const delayMs = delaysMs[this.#tries - 1];
      if (delayMs === undefined || this.#hurry.signal.aborted) return this.#giveUp(why);
      const waitMs = spread(delayMs, tried.retryAfterMs);
      logger.warn({ ...fields, why, retry_ms: waitMs }, "the webhook did not arrive and is tried again");
      await this.#wait(waitMs);
      if (this.#abandoned.signal.aborted) return this.#giveUp(why);
    }
  }

  async #try(): Promise<Try> {
    const { timeoutMs = defaultTimeoutMs } = this.#options;
    const timeout = AbortSignal.timeout(timeoutMs);
    try {
      return await this.#post(AbortSignal.any([timeout, this.#abandoned.signal]));
    } catch (error) {
      if (timeout.aborted) return { result: "failed", why: `no answer within ${timeoutMs} ms` };
      return { result: "failed", why: error instanceof Error ? error.message : String(error) };
    }
  }

  async #post(signal: AbortSignal): Promise<Try> {
    const { allowPrivate, resolve = resolveAll } = this.#options;
    const addresses = await Promise.race([resolve(hostOf(this.#url)), aborted(signal)]);
    if (addresses === undefined) throw signal.reason;
    for (const { address } of addresses) {
      const problem = addressProblem(address, allowPrivate);
      if (problem !== undefined) return { result: "refused", why: problem };
    }
    const { status, retryAfterMs } = await postWebhook(this.#url, {
      headers: this.#headers(),
      body: this.#body,
      addresses,
      signal,
    });
    return judge(status, retryAfterMs);
  }

  #headers(): Record<string, string> {
    const { token, secret } = this.#webhook;
    const now = new Date();
    return {
      "content-type": "application/json",
      "user-agent": `motus/${version}`,
      "webhook-id": this.#id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      ...(secret !== undefined && {
        "webhook-signature": new Signer(secret).sign(this.#id, now, this.#body),
      }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  async #wait(ms: number): Promise<void> {
    this.#isWaiting = true;
    // A webhook that waits must not keep a process alive.
    await sleep(ms, undefined, { ref: false, signal: this.#hurry.signal }).catch(() => {});
    this.#isWaiting = false;
  }

  #giveUp(why: string): void {
    const { aborted, reason } = this.#abandoned.signal;
    const fields = { ...this.#fields, tries: this.#tries, why: aborted ? reason : why };
    this.#options.logger.error(fields, "the webhook was given up");
  }
}

function resolveAll(host: string) {
  return lookup(host, { all: true });
}

function judge(status: number, retryAfterMs: number | undefined): Try {
  if (status >= 200 && status < 300) return { result: "delivered" };
  const why = `answered with ${status}`;
  if (status === 408 || status === 429 || status >= 500) return { result: "failed", why, retryAfterMs };
  return { result: "refused", why };
}

/** Half to one and a half of the delay, so that what failed together does not come back together. */
function spread(delayMs: number, retryAfterMs = 0): number {
  const waitMs = Math.max(delayMs * (0.5 + Math.random()), retryAfterMs * (1 + Math.random() / 10));
  return Math.round(Math.min(waitMs, maxDelayMs));
}
