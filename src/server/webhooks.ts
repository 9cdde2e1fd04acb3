/** Posts the result of a turn to whoever asked for it. Never in the way of a turn. */
import type { Logger } from "../logger.ts";
import type { Webhook, WebhookPayload } from "../protocol/http.ts";
import type { Session } from "../session/session.ts";
import { sessionView } from "./session-view.ts";

const timeoutMs = 30_000;

export class Webhooks {
  readonly #logger: Logger;
  readonly #underway = new Set<Promise<void>>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Starts to deliver; what goes wrong is logged. */
  send(webhook: Webhook, session: Session, messages: readonly string[] | null): void {
    const delivery = this.#deliver(webhook, payload(webhook, session, messages), session.sessionId)
      .catch((error) =>
        this.#logger.warn(
          { session_id: session.sessionId, err: error },
          "the webhook could not be delivered",
        ),
      )
      .finally(() => this.#underway.delete(delivery));
    this.#underway.add(delivery);
  }

  /** Resolves when all that was sent has arrived or failed. */
  async settled(): Promise<void> {
    await Promise.all(this.#underway);
  }

  async #deliver(webhook: Webhook, body: string, sessionId: string): Promise<void> {
    const headers: Record<string, string> = { "content-type": "application/json" };
    if (webhook.token !== undefined) headers.authorization = `Bearer ${webhook.token}`;
    const signal = AbortSignal.timeout(timeoutMs);
    // A redirect would carry the token and the conversation to a place that nobody named.
    const response = await fetch(webhook.url, { method: "POST", headers, body, signal, redirect: "manual" });
    if (response.ok) this.#logger.debug({ session_id: sessionId }, "webhook delivered");
    else
      this.#logger.warn({ session_id: sessionId, status: response.status }, "the webhook was not accepted");
  }
}

/** The body, as text, so that messages are put in without being read. */
function payload(webhook: Webhook, session: Session, messages: readonly string[] | null): string {
  const { session_id, status, response, error, turn } = sessionView(session);
  const flat: Omit<WebhookPayload, "messages"> = {
    session_id,
    status,
    response,
    error,
    trace_metrics: {
      trace_id: turn?.turn_id ?? "",
      total_duration: (turn?.duration_ms ?? 0) / 1_000,
      total_tokens: turn?.usage?.total_tokens ?? 0,
      has_error: turn?.outcome !== "completed",
    },
  };
  const json = JSON.stringify(flat);
  return webhook.include_messages === true
    ? `${json.slice(0, -1)},"messages":[${messages?.join(",") ?? ""}]}`
    : json;
}
