import type { Outbox, OutgoingWebhook, PendingWebhook } from "../outbox.ts";
import type { StoreFile } from "./store-file.ts";

interface WebhookRow {
  id: string;
  session_id: string;
  webhook: string;
  body: string;
  tries: number;
  due_at: number;
}

/** Webhooks in a file of SQLite. One whose end is lost with the machine is delivered twice, under the same id. */
export class SqliteOutbox implements Outbox {
  readonly isDurable = true;
  readonly #file: StoreFile;
  readonly #insert;
  readonly #postpone;
  readonly #remove;
  readonly #pending;

  constructor(file: StoreFile) {
    this.#file = file;
    this.#insert = file.prepare<unknown, [string, string, string, string, number]>(
      "INSERT INTO webhooks (id, session_id, webhook, body, tries, due_at) VALUES (?, ?, ?, ?, 0, ?)",
    );
    this.#postpone = file.prepare<unknown, [number, number, string]>(
      "UPDATE webhooks SET tries = ?, due_at = ? WHERE id = ?",
    );
    this.#remove = file.prepare<unknown, [string]>("DELETE FROM webhooks WHERE id = ?");
    this.#pending = file.prepare<WebhookRow, []>("SELECT * FROM webhooks ORDER BY place");
  }

  add(webhook: OutgoingWebhook): Promise<void> {
    return this.#file.write(() => this.insert(webhook, Date.now()));
  }

  /** Adds one as a part of another step. */
  insert({ id, sessionId, webhook, body }: OutgoingWebhook, at: number): void {
    this.#insert.run(id, sessionId, JSON.stringify(webhook), body, at);
  }

  postpone(id: string, { tries, dueAt }: { tries: number; dueAt: number }): Promise<void> {
    return this.#file.write(() => void this.#postpone.run(tries, dueAt, id), { isPromised: false });
  }

  remove(id: string): Promise<void> {
    return this.#file.write(() => void this.#remove.run(id), { isPromised: false });
  }

  async pending(): Promise<readonly PendingWebhook[]> {
    return this.#file.read(() =>
      this.#pending.all().map(({ id, session_id: sessionId, webhook, body, tries, due_at: dueAt }) => ({
        id,
        sessionId,
        webhook: JSON.parse(webhook),
        body,
        tries,
        dueAt,
      })),
    );
  }
}
