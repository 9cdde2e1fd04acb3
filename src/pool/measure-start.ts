/** What the start of a worker costs: one is started, asked nothing, and ended as soon as it has loaded the agent. */
import { readFileSync } from "node:fs";
import type { MotusError } from "../errors.ts";
import { median } from "../median.ts";
import { guardChannels } from "./channel-guard.ts";
import { Reaper } from "./reaper.ts";
import { exitGraceMs } from "./terminate.ts";
import { type AgentDescription, type WorkerOptions, WorkerProcess } from "./worker-process.ts";

/** What one start took, or the median of several. */
export interface StartCost {
  /** Processor time of the process, in milliseconds. */
  cpuMs: number;
  /** From its start until it was ready for its turn, in milliseconds. */
  wallMs: number;
  /** What one more worker that waits takes of the machine's memory; null where there is no `/proc`. */
  privateBytes: number | null;
  /** The most memory that it had, what it shares with other processes included. */
  maxRssBytes: number;
}

export type MeasuredStart =
  | { agent: AgentDescription; cost: StartCost }
  /** It does not load the agent; `stderr` is what it wrote. */
  | { error: MotusError; stderr: string };

/** Starts one worker; resolves when it is gone. `signal` ends it early. */
export async function measureStart(options: WorkerOptions, signal?: AbortSignal): Promise<MeasuredStart> {
  const unguard = guardChannels();
  const reaper = new Reaper();
  const worker = new WorkerProcess(options);
  const kill = () => worker.kill();
  signal?.addEventListener("abort", kill, { once: true });
  if (signal?.aborted) kill();
  try {
    const agent = await worker.ready;
    const wallMs = performance.now() - worker.startedAt;
    const privateBytes = privateMemory(worker.pid);
    worker.kill();
    const { cpuMs, maxRssBytes } = await worker.exited;
    return { agent, cost: { cpuMs, wallMs, privateBytes, maxRssBytes } };
  } catch (error) {
    const overdue = setTimeout(kill, exitGraceMs);
    const { stderr } = await worker.exited;
    clearTimeout(overdue);
    return { error: error as MotusError, stderr: stderr.text() };
  } finally {
    signal?.removeEventListener("abort", kill);
    reaper.workerEnded(worker.mark);
    await reaper.close();
    unguard();
  }
}

/** The median of each value by itself; undefined when there is none. */
export function medianCost(costs: readonly StartCost[]): StartCost | undefined {
  if (costs.length === 0) return undefined;
  const privates = costs.map(({ privateBytes }) => privateBytes).filter((bytes) => bytes !== null);
  return {
    cpuMs: median(costs.map(({ cpuMs }) => cpuMs)),
    wallMs: median(costs.map(({ wallMs }) => wallMs)),
    privateBytes: privates.length === 0 ? null : median(privates),
    maxRssBytes: median(costs.map(({ maxRssBytes }) => maxRssBytes)),
  };
}

/**
 * Memory that is no part of a file. Pages of the executable are counted as private as long as no second worker maps them,
 * and as dirty until the kernel has written them to disk.
 */
function privateMemory(pid: number): number | null {
  try {
    const memory = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
    const [, kilobytes] = /^Anonymous:\s+(\d+) kB$/m.exec(memory) ?? [];
    return kilobytes === undefined ? null : Number(kilobytes) * 1_024;
  } catch {
    return null;
  }
}
