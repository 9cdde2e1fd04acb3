/**
 * Exits when all that the agent wrote has left the process. `process.exit()` alone drops what
 * `process.stdout.write()` still holds for a pipe that is full.
 */
export function exitAfterFlush(code: number): void {
  process.stdout.end(() => process.stderr.end(() => process.exit(code)));
}
