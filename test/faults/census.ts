/** What a tree of processes holds, as the kernel counts it (Linux only). */
import { readdirSync, readFileSync } from "node:fs";
import { isAlive } from "../helpers/processes.ts";

/** What the environment of a server is marked with: all that it starts inherits it, whatever becomes of its parents. */
export const markVariable = "FAULTS_MARK";

/** The processes with a mark that live. */
export function markedProcesses(mark: string): number[] {
  const text = `${markVariable}=${mark}`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(text) && isAlive(pid));
}

/** The children of a process that live, of its main thread: the one that starts workers. */
export function children(pid: number): number[] {
  return read(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number).filter(isAlive);
}

/** How many descriptors a process has open. */
export function descriptors(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** How many threads a process has: they are what the kernel's limit of processes counts. */
export function threads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** The memory of a process that is no part of a file, in bytes. */
export function privateBytes(pid: number): number {
  const [, kilobytes] = /^Anonymous:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/smaps_rollup`)) ?? [];
  return Number(kilobytes ?? 0) * 1_024;
}

/** A process may be gone between two looks; then there is nothing to read. */
function read(path: string): string {
  try {
    return readFileSync(path, "latin1");
  } catch {
    return "";
  }
}
