/**
 * Tells that something about a topic has changed. Hints only: one may be lost or come twice, so whoever
 * hears one reads the store again, and whoever waits subscribes before reading.
 */
export interface Bus {
  publish(topic: string): Promise<void>;
  /** @returns how to stop. */
  subscribe(topic: string, listener: () => void): () => void;
}
