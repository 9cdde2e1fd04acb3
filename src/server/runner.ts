/** Runs the turns that the queue hands out, and finds the one that somebody wants to stop or to answer. */
import type { Ending } from "../pool/run-turn.ts";
import type { TurnLogs } from "../protocol/session.ts";
import type { SessionStore, TurnReference } from "../session/session-store.ts";
import type { Slot } from "../session/turn-queue.ts";
import { type TurnParts, TurnRun } from "./turn-run.ts";

interface Running {
  run: TurnRun | undefined;
  /** How the turn was stopped before it was claimed. */
  ending: Ending | undefined;
  sessionId: string;
  done: Promise<void>;
}

/** The slot of a turn that never runs. */
const noSlot: Slot = { release() {}, acquire: async () => false };

export class Runner {
  readonly #parts: TurnParts;
  readonly #running = new Map<string, Running>();

  constructor(parts: TurnParts) {
    this.#parts = parts;
  }

  /** Turns that wait for a person. */
  get interruptedTurns(): number {
    let parked = 0;
    for (const { run } of this.#running.values()) if (run?.isParked) parked += 1;
    return parked;
  }

  /** Runs one turn to its recorded outcome; never rejects. */
  run(turn: TurnReference, slot: Slot): Promise<void> {
    const running: Running = {
      run: undefined,
      ending: undefined,
      sessionId: turn.sessionId,
      done: Promise.resolve(),
    };
    this.#running.set(turn.turnId, running);
    running.done = this.#run(turn, slot, running)
      .catch((error) =>
        this.#parts.logger.error({ err: error, turn_id: turn.turnId }, "the turn could not be recorded"),
      )
      .finally(() => this.#running.delete(turn.turnId));
    return running.done;
  }

  /** Stops a turn if it runs, and resolves when its process is gone and its outcome is recorded. */
  async stop(turnId: string, ending: Ending): Promise<void> {
    const running = this.#running.get(turnId);
    if (running === undefined) return;
    running.ending ??= ending;
    running.run?.stop(ending);
    await running.done;
  }

  /** Stops whatever runs in a session. */
  async stopSession(sessionId: string, ending: Ending): Promise<void> {
    for (const [turnId, running] of this.#running) {
      if (running.sessionId === sessionId) await this.stop(turnId, ending);
    }
  }

  /** Stops all turns that run. */
  async stopAll(ending: Ending): Promise<void> {
    await Promise.all([...this.#running.keys()].map((turnId) => this.stop(turnId, ending)));
  }

  /** Resolves when a turn that can hear no answer has ended; for every other one, when that is known. */
  async heard(turnId: string): Promise<void> {
    const running = this.#running.get(turnId);
    if (running?.run !== undefined && !(await running.run.hears())) await running.done;
  }

  /** Hands a turn the answer to its question; false when it is being ended. */
  resume(turnId: string, interruptId: string, value: string): boolean {
    return this.#running.get(turnId)?.run?.resume(interruptId, value) === true;
  }

  /** What a turn that runs has written so far; null when it does not run. */
  logs(turnId: string): TurnLogs | null {
    return this.#running.get(turnId)?.run?.logs() ?? null;
  }

  /** Ends a turn that never started. */
  async end(reference: TurnReference, ending: Ending): Promise<void> {
    const claimed = await this.#claim(reference);
    if (claimed === null) return;
    const run = this.#createRun(claimed.turn, noSlot);
    await run.record({ ending, startedAt: null, endedAt: Date.now(), exit: null });
  }

  async #run(reference: TurnReference, slot: Slot, running: Running): Promise<void> {
    const claimed = await this.#claim(reference);
    if (claimed === null) return; // The session was deleted while the turn waited.
    running.run = this.#createRun(claimed.turn, slot);
    if (running.ending !== undefined) running.run.stop(running.ending);
    await running.run.run(claimed.state);
  }

  #claim(reference: TurnReference): ReturnType<SessionStore["claim"]> {
    const { store, persist } = this.#parts;
    return persist(() => store.claim(reference));
  }

  #createRun(turn: ConstructorParameters<typeof TurnRun>[1], slot: Slot): TurnRun {
    const mayPark = () => this.interruptedTurns < this.#parts.maxInterrupted;
    return new TurnRun(this.#parts, turn, { slot, mayPark });
  }
}
