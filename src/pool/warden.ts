/**
 * Ends what workers have started when the server itself is killed. The kernel kills workers then, but not what they have
 * started, and the server is not there any more to do it. So a shell waits beside it for the end of a pipe: one process that
 * does nothing, for as long as there are workers (Linux).
 */
import { closeSync, existsSync, writeSync } from "node:fs";
import type { Subprocess } from "bun";

/** Names the server in the environment of its workers and of all that they start. */
export const serverVariable = "MOTUS_SERVER";

/**
 * A line says that the server has ended its workers itself; the end of the pipe without one, that it is dead. A process may
 * start another while it is looked for, so it is looked for until there is none. The shell leaves the server's group and its
 * children, so that no signal meets both.
 */
const script = `
(
  trap '' HUP INT TERM
  read -r line <&3 && exit 0
  for round in 1 2 3 4 5 6 7 8 9 10; do
    found=0
    for file in $(grep -ls "${serverVariable}=$1" /proc/[0-9]*/environ); do
      pid=\${file#/proc/}
      kill -9 "\${pid%/environ}" && found=1
    done
    [ $found = 0 ] && [ $round != 1 ] && exit 0
    sleep 0.1
  done
) &
`;

export class Warden {
  /** The value of `serverVariable`. */
  readonly mark = crypto.randomUUID();
  /** Held, so that the pipe is not collected with it as garbage. */
  #shell: Subprocess | undefined;
  #isMissing = false;

  /** Watches from now on, if it does not already; a machine that cannot has none. */
  start(): void {
    if (this.#shell !== undefined || this.#isMissing || !existsSync("/proc/self/environ")) return;
    try {
      this.#shell = Bun.spawn(["/bin/sh", "-c", script, "sh", this.mark], {
        cwd: "/",
        env: { PATH: "/usr/bin:/bin" },
        // Not its stdin, which the runtime closes when the first shell has left the second one behind.
        stdio: ["ignore", "ignore", "ignore", "pipe"],
        detached: true,
      });
    } catch (error) {
      // A machine without a shell has none tomorrow either; what is short may be there for the next worker.
      this.#isMissing = (error as NodeJS.ErrnoException).code === "ENOENT";
    }
  }

  /** Called when no worker is left. */
  close(): void {
    const pipe = this.#shell?.stdio[3];
    this.#shell = undefined;
    if (typeof pipe !== "number") return;
    try {
      writeSync(pipe, "\n");
    } catch {
      // Somebody has ended the shell.
    }
    closeSync(pipe);
  }
}
