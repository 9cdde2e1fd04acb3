/**
 * The processor time of a process, bounded by the kernel from outside (Linux). Soft and hard limit are the same, so that the
 * end is a SIGKILL: nothing to catch, and no core file.
 */
import { libc } from "../libc.ts";
import { statOf, ticksPerSecond } from "../proc.ts";

/** RLIMIT_CPU, in seconds. */
const cpuResource = 0;

/** Whether processor time can be limited on this machine. */
export function canLimitCpu(): boolean {
  return libc()?.prlimit(process.pid, cpuResource, null, new BigUint64Array(2)) === 0;
}

/**
 * Lets a process use so many seconds more than it has used, up to the next whole second: the kernel counts in these.
 * What it starts from now on gets the same limit, each process for itself. Nothing happens when it is gone.
 */
export function limitCpu(pid: number, seconds: number): void {
  const used = usedSeconds(pid);
  if (used === undefined) return;
  const limit = BigInt(Math.ceil(used + seconds));
  libc()?.prlimit(pid, cpuResource, new BigUint64Array([limit, limit]), null);
}

function usedSeconds(pid: number): number | undefined {
  const fields = statOf(pid);
  return fields && (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
