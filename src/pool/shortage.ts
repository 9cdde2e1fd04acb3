/**
 * Times in which the machine has no process, descriptor or memory left to start a worker with. That is no fault of a turn and
 * passes: turns wait for its end, as they wait for a slot.
 */
import { MotusError } from "../errors.ts";
import type { Logger } from "../logger.ts";

const reasons: Record<string, string> = {
  EAGAIN: "no more processes may be started; end some, or raise their limit (ulimit -u)",
  EMFILE: "the server has as many descriptors open as it may; raise their limit (ulimit -n)",
  ENFILE: "the machine has no descriptors left; end what holds them",
  ENOMEM: "the machine has no memory left; end what uses it, or lower --workers",
};

/** How long is waited before a worker is tried to be started again. */
export const shortageRetryMs = 250;
/** How long a shortage counts that nobody has seen again: when nothing is to be started, nobody sees its end either. */
const freshMs = 2_000;

export class Shortage {
  readonly #logger: Logger;
  #problem: MotusError | undefined;
  #seenAt = 0;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Why no worker can be started now. */
  get problem(): MotusError | undefined {
    return performance.now() - this.#seenAt < freshMs ? this.#problem : undefined;
  }

  /** What keeps a worker from being started, if it will pass; undefined when it is something else. */
  explain(error: unknown): MotusError | undefined {
    const reason = reasons[(error as NodeJS.ErrnoException)?.code ?? ""];
    if (reason === undefined) return undefined;
    const message = `Cannot start a worker: ${reason}`;
    return new MotusError("workers_unavailable", message, {
      cause: error,
      headers: { "Retry-After": "1" },
    });
  }

  began(problem: MotusError): void {
    if (this.problem === undefined)
      this.#logger.error({ err: problem.cause }, `${problem.message}; turns wait, and go on by themselves`);
    this.#problem = problem;
    this.#seenAt = performance.now();
  }

  /** A worker could be started. */
  ended(): void {
    if (this.problem !== undefined) this.#logger.info({}, "workers can be started again");
    this.#problem = undefined;
  }
}
