import type { TurnReference } from "../session-store.ts";
import type { TurnQueue } from "../turn-queue.ts";

/** A queue in the server's own memory. A Map keeps its order and finds a turn by id. */
export class MemoryTurnQueue implements TurnQueue {
  readonly #waiting = new Map<string, TurnReference>();
  #running = 0;
  #slots = 0;
  #run: (turn: TurnReference) => Promise<void> = async () => {};

  get waiting(): number {
    return this.#waiting.size;
  }

  get running(): number {
    return this.#running;
  }

  async push(turn: TurnReference): Promise<void> {
    this.#waiting.set(turn.turnId, turn);
    this.#fill();
  }

  async drop(turn: TurnReference): Promise<boolean> {
    return this.#waiting.delete(turn.turnId);
  }

  consume(slots: number, run: (turn: TurnReference) => Promise<void>): void {
    this.#slots = slots;
    this.#run = run;
    this.#fill();
  }

  #fill(): void {
    for (const [turnId, turn] of this.#waiting) {
      if (this.#running >= this.#slots) return;
      this.#waiting.delete(turnId);
      this.#running += 1;
      const release = () => {
        this.#running -= 1;
        this.#fill();
      };
      this.#run(turn).then(release, release);
    }
  }
}
