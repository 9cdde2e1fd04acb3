/** The time that a turn may run. It stands still while the turn waits for a person. */
export class TurnClock {
  readonly #act: () => void;
  #remainingMs: number;
  #startedAt = 0;
  #timer: Timer | undefined;

  /** @param timeoutMs 0 for no limit. */
  constructor(timeoutMs: number, act: () => void) {
    this.#remainingMs = timeoutMs > 0 ? timeoutMs : Number.POSITIVE_INFINITY;
    this.#act = act;
  }

  /** Goes on; does nothing while it runs. */
  start(): void {
    if (this.#timer !== undefined || this.#remainingMs === Number.POSITIVE_INFINITY) return;
    this.#startedAt = performance.now();
    this.#timer = setTimeout(this.#act, this.#remainingMs);
  }

  /** Stands still; does nothing while it does. */
  stop(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#remainingMs = Math.max(0, this.#remainingMs - (performance.now() - this.#startedAt));
  }
}
