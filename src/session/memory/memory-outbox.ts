import type { Outbox, PendingWebhook } from "../outbox.ts";

/** Keeps nothing: the server has them all, and they are gone with it. */
export class MemoryOutbox implements Outbox {
  readonly isDurable = false;

  async add(): Promise<void> {}

  async postpone(): Promise<void> {}

  async remove(): Promise<void> {}

  async pending(): Promise<readonly PendingWebhook[]> {
    return [];
  }
}
