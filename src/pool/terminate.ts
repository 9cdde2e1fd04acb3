/** The one place where worker processes are ended. */

/** How long a worker may take to put things in order once it was told to stop. */
export const graceMs = 250;
/** How long a worker may take to exit by itself once its turn is over. */
export const exitGraceMs = 1_000;

/** Kills one process; whether it was there. */
export function killProcess(pid: number): boolean {
  try {
    process.kill(pid, "SIGKILL");
    return true;
  } catch {
    return false;
  }
}

/**
 * Kills the worker and whatever it started that is still in its process group. Workers are group leaders
 * (`detached`), so their pid names the group.
 */
export function killGroup(pid: number): void {
  // When there is none it is gone already, which is what was wanted.
  killProcess(-pid);
}
