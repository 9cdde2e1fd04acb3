import type { Webhook } from "../protocol/http.ts";

/** A webhook that is to be delivered. */
export interface OutgoingWebhook {
  /** The same on every try, whichever server makes it. */
  readonly id: string;
  readonly sessionId: string;
  /** Where it goes, and what it is signed with. */
  readonly webhook: Webhook;
  /** JSON. */
  readonly body: string;
}

/** One that has not arrived so far. */
export interface PendingWebhook extends OutgoingWebhook {
  /** Tries that failed. */
  readonly tries: number;
  /** When the next one is due, in milliseconds since 1970. */
  readonly dueAt: number;
}

/**
 * The webhooks that are on their way, for the server that comes after this one. Those of ended turns come in with
 * `SessionStore.finish`. The server holds all of them itself as well and reads them at its start only.
 *
 * @throws {MotusError} `store_unavailable`, any verb.
 */
export interface Outbox {
  /** Whether there is a server that comes after this one and finds them. */
  readonly isDurable: boolean;
  add(webhook: OutgoingWebhook): Promise<void>;
  /** Notes a try that failed, and when the next one is due. */
  postpone(id: string, next: { tries: number; dueAt: number }): Promise<void>;
  /** Forgets one that has arrived, or never will. */
  remove(id: string): Promise<void>;
  /** Those that a server which is gone has left, oldest first. */
  pending(): Promise<readonly PendingWebhook[]>;
}
