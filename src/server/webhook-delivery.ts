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
import type { Outbox, OutgoingWebhook } from "../session/outbox.ts";
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
  /** Where it is kept until its end, for another server. */
  outbox?: Outbox;
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

/** `over`: it has arrived or never will; `left`: another server is to go on with it. */
export type DeliveryEnd = "over" | "left";

export class WebhookDelivery {
  readonly id: string;
  readonly sessionId: string;
  readonly #webhook: Webhook;
  readonly #url: URL;
  readonly #body: Buffer;
  readonly #options: DeliveryOptions;
  readonly #fields: Record<string, string>;
  /** Fires when there is no more time to wait between tries. */
  readonly #hurry = new AbortController();
  readonly #abandoned = new AbortController();
  #tries: number;
  /** When the next try is due, in milliseconds since 1970. */
  #dueAt: number;
  #isWaiting = false;
  #isStopping = false;

  /** @param begun How far another server has come. */
  constructor(
    { id, sessionId, webhook, body }: OutgoingWebhook,
    options: DeliveryOptions,
    begun = { tries: 0, dueAt: 0 },
  ) {
    this.id = id;
    this.sessionId = sessionId;
    this.#webhook = webhook;
    this.#url = new URL(webhook.url);
    this.#body = Buffer.from(body);
    this.#options = options;
    this.#tries = begun.tries;
    this.#dueAt = begun.dueAt;
    // The rest of a URL may be a secret of the receiver.
    this.#fields = { session_id: sessionId, webhook_id: id, origin: this.#url.origin };
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

  /** The server stops: lets the try that runs be the last one; if none runs, makes it now or leaves it to another server. */
  hurry(): void {
    this.#isStopping = true;
    this.#hurry.abort();
  }

  /** Gives up, also in the middle of a try. */
  abandon(why: string): void {
    this.#abandoned.abort(why);
    this.#hurry.abort();
  }

  /** Resolves at its end; what went wrong is in the log. */
  async run(): Promise<DeliveryEnd> {
    const { logger, delaysMs = defaultDelaysMs } = this.#options;
    let why = "";
    for (;;) {
      await this.#wait();
      if (this.#abandoned.signal.aborted || (this.#isLeft && this.#tries > 0)) return this.#giveUp(why);
      this.#tries += 1;
      const tried = await this.#try();
      const fields = { ...this.#fields, tries: this.#tries };
      if (tried.result === "delivered") {
        logger.debug(fields, "webhook delivered");
        return "over";
      }
      why = tried.why;
      if (tried.result === "refused") {
        logger.error({ ...fields, why }, "the webhook was refused");
        return "over";
      }
      const delayMs = delaysMs[this.#tries - 1];
      if (delayMs === undefined) return this.#giveUp(why);
      const waitMs = spread(delayMs, tried.retryAfterMs);
      await this.#postpone(waitMs);
      if (this.#hurry.signal.aborted) return this.#giveUp(why);
      logger.warn({ ...fields, why, retry_ms: waitMs }, "the webhook did not arrive and is tried again");
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
      "webhook-id": this.id,
      "webhook-timestamp": String(Math.floor(now.getTime() / 1_000)),
      ...(secret !== undefined && {
        "webhook-signature": new Signer(secret).sign(this.id, now, this.#body),
      }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    };
  }

  async #postpone(waitMs: number): Promise<void> {
    this.#dueAt = Date.now() + waitMs;
    const next = { tries: this.#tries, dueAt: this.#dueAt };
    // If it cannot be noted, another server makes one try more.
    await this.#options.outbox?.postpone(this.id, next).catch(() => {});
  }

  async #wait(): Promise<void> {
    const ms = Math.min(this.#dueAt - Date.now(), maxDelayMs);
    if (ms <= 0) return;
    this.#isWaiting = true;
    // A webhook that waits must not keep a process alive.
    await sleep(ms, undefined, { ref: false, signal: this.#hurry.signal }).catch(() => {});
    this.#isWaiting = false;
  }

  #giveUp(why: string): DeliveryEnd {
    const { aborted, reason } = this.#abandoned.signal;
    const fields = { ...this.#fields, tries: this.#tries, why: aborted ? reason : why };
    if (this.#isLeft) {
      this.#options.logger.info(fields, "the webhook is left to the next server");
      return "left";
    }
    this.#options.logger.error(fields, "the webhook was given up");
    return "over";
  }

  /** Whether it is another server's from now on. */
  get #isLeft(): boolean {
    return this.#isStopping && this.#options.outbox?.isDurable === true;
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
