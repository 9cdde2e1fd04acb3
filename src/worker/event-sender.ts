/** Brings events to the server: in order, the first one at once, and small ones that follow closely together. */
import type { AgentEvent } from "../protocol/event.ts";
import { maxEventCharacters } from "../protocol/limits.ts";
import type { FromWorker } from "../protocol/worker-message.ts";

/** How long an event may wait for others. */
const batchMs = 4;
/** How much may wait for others; a loop that never yields would otherwise send nothing before its end. */
const batchCharacters = 64 * 1024;

export class EventSender {
  readonly #send: (message: FromWorker) => void;
  #waiting: string[] = [];
  #waitingCharacters = 0;
  #sentAt = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;

  constructor(send: (message: FromWorker) => void) {
    this.#send = send;
  }

  /** @throws {TypeError} when the event cannot be written as JSON, {RangeError} when it is too long. */
  add(event: AgentEvent): void {
    const json = JSON.stringify(event);
    if (json.length > maxEventCharacters) {
      throw new RangeError(
        `Cannot emit a ${event.type} of ${json.length} characters as JSON: an event may have ${maxEventCharacters}; ` +
          "say less, or say where the rest can be had",
      );
    }
    this.#waiting.push(json);
    this.#waitingCharacters += json.length;
    const quietMs = performance.now() - this.#sentAt;
    if (quietMs >= batchMs || this.#waitingCharacters >= batchCharacters) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), batchMs - quietMs);
  }

  /** Sends what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length === 0) return;
    const events = this.#waiting.join("\n");
    this.#waiting = [];
    this.#waitingCharacters = 0;
    this.#sentAt = performance.now();
    this.#send({ type: "turn-events", events });
  }
}
