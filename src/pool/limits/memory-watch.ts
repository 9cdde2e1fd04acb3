/**
 * Looks at how much memory workers use, where there are no control groups: their own process often, the rest of their
 * process groups as often as that costs little. What leaves the group is not seen, and what is fast gets beyond the limit.
 */
import { readFileSync } from "node:fs";
import { processes, statOf } from "../proc.ts";
import type { LimitedWorker, MemoryLimit, WorkerMemory } from "./memory-limit.ts";

const intervalMs = 50;
/** How often, while all of them only wait for their turns. */
const waitingIntervalMs = 1_000;
/** Looking at all processes of the machine: at most this often, and for at most a twentieth of the time. */
const minScanMs = 200;
const scanShare = 20;
/** The size of a page where /proc counts in pages; arm64 has larger ones on some machines, and is asked. */
const pageBytes = pageSize();

interface Watched {
  worker: LimitedWorker;
  /** What the others in its process group had when they were last looked at. */
  othersBytes: number;
}

export class MemoryWatch implements MemoryLimit {
  readonly by = "watch";
  readonly #maxBytes: number;
  readonly #watched = new Set<Watched>();
  #timer: Timer | undefined;
  #lookedAt = 0;
  #nextScanAt = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  open(): WorkerMemory {
    let watched: Watched | undefined;
    return {
      cgroup: undefined,
      started: (worker) => {
        watched = { worker, othersBytes: 0 };
        this.#watched.add(watched);
        this.#timer ??= setInterval(() => this.#look(), intervalMs);
      },
      wasExceeded: () => false,
      close: () => {
        if (watched !== undefined) this.#watched.delete(watched);
        if (this.#watched.size > 0) return;
        clearInterval(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
  }

  #look(): void {
    const now = performance.now();
    const allWait = [...this.#watched].every(({ worker }) => worker.isWaiting());
    if (allWait && now - this.#lookedAt < waitingIntervalMs) return;
    this.#lookedAt = now;
    if (now >= this.#nextScanAt) this.#lookAtGroups();
    for (const { worker, othersBytes } of this.#watched) {
      const own = worker.pid === undefined ? 0 : (memoryOf(worker.pid)?.bytes ?? 0);
      if (own + othersBytes > this.#maxBytes) worker.exceed();
    }
  }

  #lookAtGroups(): void {
    const startedAt = performance.now();
    const groups = new Map([...this.#watched].map((watched) => [watched.worker.group, watched]));
    const workers = new Set([...this.#watched].map(({ worker }) => worker.pid));
    for (const watched of this.#watched) watched.othersBytes = 0;
    for (const pid of processes()) {
      if (workers.has(pid)) continue;
      const memory = memoryOf(pid);
      const watched = memory && groups.get(memory.group);
      if (watched) watched.othersBytes += memory.bytes;
    }
    const now = performance.now();
    this.#nextScanAt = now + Math.max(minScanMs, scanShare * (now - startedAt));
  }
}

/** The process group and the resident memory of a process; undefined when it is gone. */
function memoryOf(pid: number): { group: number; bytes: number } | undefined {
  const fields = statOf(pid);
  return fields && { group: Number(fields[2]), bytes: Number(fields[21]) * pageBytes };
}

/** From this process, whose memory the kernel tells in kilobytes as well as in pages. */
function pageSize(): number {
  if (process.arch === "x64") return 4_096;
  try {
    const [, kilobytes] =
      /^KernelPageSize:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/smaps", "utf8")) ?? [];
    return Number(kilobytes ?? 4) * 1_024;
  } catch {
    return 4_096;
  }
}
