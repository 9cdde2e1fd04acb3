/** The memory of workers: limited by the kernel where the server may make control groups, else watched by the server. */
import type { Logger } from "../../logger.ts";
import { MemoryGroups } from "./memory-groups.ts";
import { MemoryWatch } from "./memory-watch.ts";

export interface MemoryLimit {
  /** What this is, for the log. */
  readonly by: "cgroup" | "watch";
  /** Makes room for one worker that is to be started. */
  open(): WorkerMemory;
  /** Resolves when nothing of it is left; called when all workers are gone. */
  close(): Promise<void>;
}

/** The memory that one worker may use. */
export interface WorkerMemory {
  /** The control group to start it in. */
  readonly cgroup: string | undefined;
  /** Called when it has started. */
  started(worker: LimitedWorker): void;
  /** Whether the kernel has ended something in it for want of memory. */
  wasExceeded(): boolean;
  /** Called when it is gone, or could not be started. */
  close(): void;
}

export interface LimitedWorker {
  /** Undefined before a worker in a sandbox has started. */
  readonly pid: number | undefined;
  /** The process group that the worker is in, which nobody else is in. */
  readonly group: number | undefined;
  /** Whether it only waits for its turn. */
  isWaiting(): boolean;
  /** Called when it uses more than it may, perhaps more than once. */
  exceed(): void;
}

export function createMemoryLimit(maxBytes: number, logger: Logger): MemoryLimit {
  const limit = MemoryGroups.create(maxBytes) ?? new MemoryWatch(maxBytes);
  const how = limit.by === "cgroup" ? "limited by the kernel, in control groups" : "watched by the server";
  logger.info({ max_bytes: maxBytes, by: limit.by }, `the memory of workers is ${how}`);
  return limit;
}
