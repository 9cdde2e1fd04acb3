import { spawnSync } from "node:child_process";
import { closeSync, openSync, statfsSync, unlinkSync, writeSync } from "node:fs";
import { temporaryFolder } from "./temporary-folder.ts";

export interface SmallDisk extends Disposable {
  path: string;
  /** Leaves no byte free. */
  fill(): void;
  /** Takes away what filled it. */
  empty(): void;
}

/** Why there can be no such disk here; undefined when there can. */
export function smallDiskProblem(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "only root can mount a tmpfs";
  try {
    smallDisk(1)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/** A disk of its own that is full soon: a tmpfs of so many megabytes. */
export function smallDisk(megabytes: number): SmallDisk {
  const folder = temporaryFolder();
  run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", folder.path]);
  const ballast = `${folder.path}/ballast`;
  return {
    path: folder.path,
    fill() {
      const file = openSync(ballast, "a");
      const page = new Uint8Array(4096);
      for (let left = statfsSync(folder.path).bfree + 16; left > 0; left--) {
        try {
          writeSync(file, page);
        } catch {
          break;
        }
      }
      closeSync(file);
    },
    empty: () => unlinkSync(ballast),
    [Symbol.dispose]() {
      run("umount", ["-l", folder.path]);
      folder[Symbol.dispose]();
    },
  };
}

function run(command: string, parameters: string[]): void {
  const { status, stderr } = spawnSync(command, parameters, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} failed: ${stderr}`);
}
