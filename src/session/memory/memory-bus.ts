import { EventEmitter } from "node:events";
import type { Bus } from "../bus.ts";

/** A bus inside one process. */
export class MemoryBus implements Bus {
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  async publish(topic: string): Promise<void> {
    this.#emitter.emit(topic);
  }

  subscribe(topic: string, listener: () => void): () => void {
    this.#emitter.on(topic, listener);
    return () => this.#emitter.off(topic, listener);
  }
}
