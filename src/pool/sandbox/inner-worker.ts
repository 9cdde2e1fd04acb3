/**
 * A worker in a sandbox, as it looks from outside: bwrap is what the server has started, its child is the first process of
 * the sandbox, and the worker is the child of that. The kernel tells the server only what bwrap itself has used, and with
 * which exit code it ended; the rest is found out here.
 */
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { libc } from "../libc.ts";
import { processes, statOf, ticksPerSecond } from "../proc.ts";
import { killGroup, killProcess } from "../terminate.ts";

/**
 * When is looked what a worker has used, in case that it ends by itself: afterwards nobody can tell. Soon, and then ever later
 * up to this.
 */
const firstLookMs = 5;
const maxLookMs = 100;
/** How long bwrap may take to end when its sandbox has. */
const overdueMs = 500;
/** What bwrap adds to a signal to make an exit code of it. */
const signalBase = 128;
/** CPUCLOCK_SCHED: the kernel's exact count for all threads of a process. */
const processClock = 2;
/** Some kernels are built without. */
const hasChildrenFiles = existsSync(`/proc/self/task/${process.pid}/children`);

export class InnerWorker {
  readonly #outer: number;
  #first: number | undefined;
  #pid: number | undefined;
  #cpuMs = 0;
  #lookedAt = performance.now();
  #maxRssBytes = 0;
  #looking: Timer | undefined;
  #overdue: Timer | undefined;

  /** @param outer The process id of bwrap. */
  constructor(outer: number) {
    this.#outer = outer;
  }

  /** The worker's process id outside of its sandbox; undefined before it has started. */
  get pid(): number | undefined {
    const { group } = this;
    return this.#pid ?? (group && childOf(group));
  }

  /** The first process of the sandbox, which leads the worker's process group; undefined before it has started. */
  get group(): number | undefined {
    this.#first ??= childOf(this.#outer);
    return this.#first;
  }

  get cpuMs(): number {
    return this.#cpuMs;
  }

  /** What it can have used by now: it was not looked at since, and may compute on two threads. */
  get mostCpuMs(): number {
    return this.#cpuMs + 2 * (performance.now() - this.#lookedAt);
  }

  get maxRssBytes(): number {
    return this.#maxRssBytes;
  }

  /** Called when the worker is known to run: before that bwrap may have another process in its place. */
  started(): void {
    this.#pid = this.pid;
    this.look();
  }

  /** Looks now and then what the worker uses. */
  startLooking(delayMs = firstLookMs): void {
    this.stopLooking();
    this.look();
    this.#looking = setTimeout(() => this.startLooking(Math.min(maxLookMs, 2 * delayMs)), delayMs);
    this.#looking.unref();
  }

  /** Looks no more: it uses next to nothing. */
  stopLooking(): void {
    clearTimeout(this.#looking);
  }

  look(): void {
    const { pid } = this;
    const cpuMs = pid && cpuMsOf(pid);
    if (!pid || cpuMs === undefined) return; // It has not started, or is gone.
    this.#lookedAt = performance.now();
    this.#cpuMs = Math.max(this.#cpuMs, cpuMs);
    this.#maxRssBytes = Math.max(this.#maxRssBytes, maxRssBytesOf(pid) ?? 0);
  }

  /** Ends everything in the sandbox: with its first process the kernel ends all others, whatever they have done. */
  kill(): void {
    const first = this.group;
    if (first === undefined) return killGroup(this.#outer);
    this.look();
    killProcess(first);
    this.#overdue ??= setTimeout(() => killGroup(this.#outer), overdueMs);
  }

  /** Called when bwrap has ended; returns how the worker did. */
  exited(exitCode: number | null, signal: NodeJS.Signals | number | null) {
    this.stopLooking();
    clearTimeout(this.#overdue);
    const inner = signal === null && exitCode !== null ? signalOf(exitCode - signalBase) : undefined;
    return inner === undefined ? { exitCode, signal } : { exitCode: null, signal: inner };
  }
}

function signalOf(number: number): NodeJS.Signals | undefined {
  const names = Object.keys(constants.signals) as NodeJS.Signals[];
  return names.find((name) => constants.signals[name] === number);
}

/** The oldest child of a process. */
function childOf(pid: number): number | undefined {
  if (!hasChildrenFiles) return processes().find((child) => parentOf(child) === pid);
  try {
    const [child = ""] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").split(" ");
    return child === "" ? undefined : Number(child);
  } catch {
    return undefined;
  }
}

function parentOf(pid: number): number | undefined {
  const parent = statOf(pid)?.[1];
  return parent === undefined ? undefined : Number(parent);
}

/** What a process has used so far, and those of its children that it has waited for. */
function cpuMsOf(pid: number): number | undefined {
  const time = new BigInt64Array(2);
  if (libc()?.clock_gettime((~pid << 3) | processClock, time) !== 0) return undefined;
  const ownMs = Number(time[0]) * 1_000 + Number(time[1]) / 1e6;
  const ticks = statOf(pid)?.slice(13, 15).map(Number) ?? [];
  return ticks.reduce((sum, one) => sum + (one / ticksPerSecond) * 1_000, ownMs);
}

function maxRssBytesOf(pid: number): number | undefined {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1_024;
  } catch {
    return undefined;
  }
}
