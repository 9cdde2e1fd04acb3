import type { TurnReference } from "../session-store.ts";
import type { Slot, TurnQueue } from "../turn-queue.ts";

/** A queue in the server's own memory. A Map keeps its order and finds a turn by id. */
export class MemoryTurnQueue implements TurnQueue {
  readonly #waiting = new Map<string, TurnReference>();
  /** Turns that gave up their slot and want one again; each is called when there is one. */
  readonly #returning = new Set<() => void>();
  #held = 0;
  #slots = 0;
  #run: (turn: TurnReference, slot: Slot) => Promise<void> = async () => {};

  get waiting(): number {
    return this.#waiting.size + this.#returning.size;
  }

  get running(): number {
    return this.#held;
  }

  async push(turn: TurnReference): Promise<void> {
    this.#waiting.set(turn.turnId, turn);
    this.#fill();
  }

  async drop(turn: TurnReference): Promise<boolean> {
    return this.#waiting.delete(turn.turnId);
  }

  consume(slots: number, run: (turn: TurnReference, slot: Slot) => Promise<void>): void {
    this.#slots = slots;
    this.#run = run;
    this.#fill();
  }

  #fill(): void {
    for (const take of this.#returning) {
      if (this.#held >= this.#slots) return;
      this.#returning.delete(take);
      take();
    }
    for (const [turnId, turn] of this.#waiting) {
      if (this.#held >= this.#slots) return;
      this.#waiting.delete(turnId);
      const slot = this.#takeSlot();
      this.#run(turn, slot).then(slot.release, slot.release);
    }
  }

  #takeSlot(): Slot {
    let isHeld = true;
    this.#held += 1;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#held -= 1;
      this.#fill();
    };
    /** One wait for all who ask: a turn that took two slots would give back one. */
    let returning: Promise<boolean> | undefined;
    const acquire = (signal: AbortSignal) => {
      returning ??= comeBack(signal).finally(() => {
        returning = undefined;
      });
      return returning;
    };
    const comeBack = async (signal: AbortSignal) => {
      if (isHeld || signal.aborted) return isHeld;
      const decided = Promise.withResolvers<void>();
      const take = () => {
        isHeld = true;
        this.#held += 1;
        decided.resolve();
      };
      const giveUp = () => {
        this.#returning.delete(take);
        decided.resolve();
      };
      signal.addEventListener("abort", giveUp);
      this.#returning.add(take);
      this.#fill();
      await decided.promise;
      signal.removeEventListener("abort", giveUp);
      return isHeld;
    };
    return { release, acquire };
  }
}
