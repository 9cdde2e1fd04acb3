/** What the kernel shows of processes in `/proc` (Linux). */
import { readdirSync, readFileSync } from "node:fs";

/** What processor time is counted in there, on every machine that Linux runs on today. */
export const ticksPerSecond = 100;

/** All processes. @throws what the file system says, where there is no `/proc` too. */
export function processes(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The fields of `/proc/<pid>/stat` after the name, which may hold anything; undefined when the process is gone. */
export function statOf(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
