/** What a process and everything below it has used, from /proc (Linux only). */
import { readFileSync } from "node:fs";

const ticksPerSecond = 100;

/**
 * CPU time in milliseconds of a process, of its descendants that live, and of those that are gone. The kernel
 * adds a child's time to its parent's when the parent has waited for it, however it ended; a kill included.
 */
export function cpuMs(pid: number): number {
  return tree(pid).reduce((ms, member) => ms + sum(cpuTimesMs(member)), 0);
}

/** CPU time in milliseconds of a process alone. */
export function ownCpuMs(pid: number): number {
  return sum(cpuTimesMs(pid).slice(0, 2));
}

/** Its own in user and in kernel mode, and that of the children that it has waited for. */
function cpuTimesMs(pid: number): number[] {
  const stat = read(`/proc/${pid}/stat`);
  // The second field, the program's name, may hold spaces; the fields after its bracket do not.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields.slice(11, 15).map((ticks) => (Number(ticks) * 1_000) / ticksPerSecond);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

/** Memory in bytes, what is shared with others counted by its share, so that the tree adds up (PSS). */
export function memoryBytes(pid: number): number {
  let kilobytes = 0;
  for (const member of tree(pid))
    kilobytes += Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${member}/smaps_rollup`))?.[1] ?? 0);
  return kilobytes * 1_024;
}

/** Memory in bytes that each process below one has for itself, so that it is there once more for every one of them. */
export function privateBytes(pid: number): number[] {
  return tree(pid)
    .slice(1)
    .map((member) => {
      const rollup = read(`/proc/${member}/smaps_rollup`);
      return (
        1_024 *
        [...rollup.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+)/gm)].reduce(
          (all, [, kB]) => all + Number(kB),
          0,
        )
      );
    });
}

/** The process and its descendants. */
function tree(pid: number): number[] {
  const children = read(`/proc/${pid}/task/${pid}/children`).trim();
  return [pid, ...(children === "" ? [] : children.split(" ").flatMap((child) => tree(Number(child))))];
}

/** A process may be gone between two looks; then it has nothing any more. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
