/**
 * Ends what outlived its worker in spite of all: a process that left the group and whose parents are gone too. What a
 * worker starts inherits a mark in its environment, and the kernel shows that in /proc; without /proc nothing is looked
 * for.
 */
import { readFileSync } from "node:fs";
import { processes } from "./proc.ts";
import { killProcess } from "./terminate.ts";

/** The mark of a worker, in its environment. */
export const markVariable = "MOTUS_WORKER";
const markPattern = new RegExp(`(?:^|\\0)${markVariable}=([^\\0]*)`);
/** How long after a worker's end it is looked for what it left; one look serves all that ended meanwhile. */
const delayMs = 1_000;
/** A process may start another while it is looked for. */
const maxRounds = 5;

export class Reaper {
  #ended = new Set<string>();
  #timer: Timer | undefined;
  #looking: Promise<void> = Promise.resolve();

  /** Called when a worker is gone. */
  workerEnded(mark: string): void {
    this.#ended.add(mark);
    this.#timer ??= setTimeout(() => void this.#look(), delayMs);
    this.#timer.unref();
  }

  /** Looks for the last time; resolves when nothing is left. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#look();
  }

  #look(): Promise<void> {
    this.#timer = undefined;
    const marks = this.#ended;
    this.#ended = new Set();
    if (marks.size > 0)
      this.#looking = this.#looking
        .then(() => killMarked(marks))
        .catch((error) => this.#lookAgain(marks, error));
    return this.#looking;
  }

  /** A server that has no descriptor left cannot look, and has not looked then; without /proc it never can. */
  #lookAgain(marks: ReadonlySet<string>, error: unknown): void {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EMFILE" || code === "ENFILE") for (const mark of marks) this.workerEnded(mark);
  }
}

async function killMarked(marks: ReadonlySet<string>): Promise<void> {
  for (let round = 0; round < maxRounds; round++) {
    let killed = 0;
    for (const [index, pid] of processes().entries()) {
      const mark = markOf(pid);
      if (mark !== undefined && marks.has(mark) && killProcess(pid)) killed += 1;
      // Reading without waiting costs a tenth; other things must not wait for long, though.
      if (index % 100 === 99) await new Promise(setImmediate);
    }
    if (killed === 0) return;
  }
}

function markOf(pid: number): string | undefined {
  try {
    const environment = readFileSync(`/proc/${pid}/environ`, "latin1");
    return markPattern.exec(environment)?.[1];
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EMFILE") throw error;
    return undefined; // It has ended, or is somebody else's.
  }
}
