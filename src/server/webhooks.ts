/**
 * Posts what became of a turn to whoever asked for it. Never in the way of a turn: `send` returns at once, and
 * what waits for its receiver is bounded. It is held in memory, and in the outbox for a server that comes after this one.
 */
import { validateHeaderValue } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { Webhook as Signer } from "standardwebhooks";
import { aborted } from "../aborted.ts";
import { MotusError } from "../errors.ts";
import type { Webhook } from "../protocol/http.ts";
import type { OutgoingWebhook, PendingWebhook } from "../session/outbox.ts";
import type { Session } from "../session/session.ts";
import { addressProblem, literalAddress } from "./webhook-address.ts";
import { type DeliveryOptions, WebhookDelivery } from "./webhook-delivery.ts";
import { webhookPayload } from "./webhook-payload.ts";

export interface WebhooksOptions extends DeliveryOptions {
  /** Webhooks that may be on their way at once. */
  maxDeliveries?: number;
  /** Bytes that the bodies of all of them may have. */
  maxBytes?: number;
}

/** How long webhooks may take beyond the time of a stop: those of the turns that it cancelled begin only then. */
const graceMs = 1_000;

export class Webhooks {
  readonly #options: WebhooksOptions;
  readonly #underway = new Map<WebhookDelivery, Promise<void>>();
  #bytes = 0;
  #isClosing = false;

  constructor(options: WebhooksOptions) {
    this.#options = options;
  }

  /**
   * Whether a webhook can be called at all. A host name is looked up only when it is called.
   *
   * @throws {MotusError} `validation_failed`, naming the field.
   */
  check(webhook: Webhook): void {
    const problem = this.#problem(webhook);
    if (problem === undefined) return;
    const { field, message } = problem;
    throw new MotusError("validation_failed", `The body does not fit: ${field} ${message}`, {
      errors: [problem],
    });
  }

  /** Delivers what has only just become known; never throws, what goes wrong is logged. */
  send(webhook: Webhook, session: Session, messages: readonly string[] | null): void {
    try {
      const made = this.prepare(webhook, session, messages);
      const { outbox } = this.#options;
      if (outbox === undefined) return this.deliver(made);
      // What cannot be kept for another server can still be delivered by this one.
      void outbox
        .add(made)
        .catch(() => {})
        .then(() => this.deliver(made));
    } catch (error) {
      const fields = { session_id: session.sessionId, err: error };
      this.#options.logger.error(fields, "the webhook could not be made");
    }
  }

  /** Makes one that is to come into the outbox with something else, and to be delivered then. */
  prepare(webhook: Webhook, session: Session, messages: readonly string[] | null): OutgoingWebhook {
    const body = webhookPayload(webhook, session, messages);
    return { id: `msg_${crypto.randomUUID()}`, sessionId: session.sessionId, webhook, body };
  }

  /** Starts to deliver what is in the outbox; never throws, what goes wrong is logged. */
  deliver(outgoing: OutgoingWebhook): void {
    this.#start(new WebhookDelivery(outgoing, this.#options));
  }

  /** Goes on with what another server has left. */
  resume(pending: PendingWebhook): void {
    this.#start(new WebhookDelivery(pending, this.#options, pending));
  }

  /**
   * Makes the last try of each webhook that waits, and waits until `signal` fires and a second longer for all
   * to arrive; then gives up those that have not, or leaves them to the next server. Each is tried once at most from now on.
   */
  async close(signal: AbortSignal): Promise<void> {
    this.#isClosing = true;
    for (const delivery of this.#underway.keys()) delivery.hurry();
    const settled = Promise.all(this.#underway.values());
    await Promise.race([settled, aborted(signal)]);
    await Promise.race([settled, sleep(graceMs, undefined, { ref: false })]);
    for (const delivery of this.#underway.keys()) delivery.abandon("the server stopped");
    await settled;
  }

  #start(delivery: WebhookDelivery): void {
    if (!this.#makeRoom(delivery.bytes)) {
      const fields = { session_id: delivery.sessionId, bytes: delivery.bytes, underway: this.#underway.size };
      this.#options.logger.error(fields, "the webhook was dropped: too many are on their way");
      void this.#takeOut(delivery);
      return;
    }
    if (this.#isClosing) delivery.hurry();
    const done = delivery
      .run()
      .then((end) => (end === "left" ? undefined : this.#takeOut(delivery)))
      .finally(() => this.#forget(delivery));
    this.#underway.set(delivery, done);
    this.#bytes += delivery.bytes;
  }

  /** If that fails, it is delivered once more by the next server; its id tells the receiver. */
  async #takeOut({ id }: WebhookDelivery): Promise<void> {
    await this.#options.outbox?.remove(id).catch(() => {});
  }

  /** Gives up those that failed most often, so that a receiver that is down cannot take the place of all others. */
  #makeRoom(bytes: number): boolean {
    const { maxDeliveries = 1_000, maxBytes = 128 * 1024 * 1024 } = this.#options;
    if (bytes > maxBytes) return false;
    while (this.#underway.size >= maxDeliveries || this.#bytes + bytes > maxBytes) {
      const [worst] = [...this.#underway.keys()]
        .filter(({ isWaiting }) => isWaiting)
        .sort((one, other) => other.tries - one.tries);
      if (worst === undefined) return false;
      this.#forget(worst);
      worst.abandon("too many are on their way");
    }
    return true;
  }

  #forget(delivery: WebhookDelivery): void {
    if (this.#underway.delete(delivery)) this.#bytes -= delivery.bytes;
  }

  #problem({ url, secret, token }: Webhook): { field: string; message: string } | undefined {
    if (!URL.canParse(url)) return { field: "/webhook/url", message: "must be a URL" };
    const address = literalAddress(new URL(url));
    const problem = address && addressProblem(address, this.#options.allowPrivate);
    if (problem) return { field: "/webhook/url", message: `cannot be used: ${problem}` };
    if (secret !== undefined && !succeeds(() => new Signer(secret)))
      return { field: "/webhook/secret", message: "must be base64" };
    if (token !== undefined && !succeeds(() => validateHeaderValue("authorization", token)))
      return { field: "/webhook/token", message: "must be fit for a header" };
    return undefined;
  }
}

function succeeds(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}
