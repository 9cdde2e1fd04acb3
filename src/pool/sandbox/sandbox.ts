/**
 * What workers are started with so that they are in a sandbox: bubblewrap (`bwrap`, Linux), which gives each of them
 * namespaces of its own and runs nothing but it. It takes options in the order in which it acts.
 */
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { MotusError } from "../../errors.ts";
import { sandboxMounts } from "./sandbox-mounts.ts";

export interface SandboxOrder {
  /** The working directory. */
  folder: string;
  /** Files and folders that workers need. */
  program: readonly string[];
  /** Files and folders that are there also where everything else is hidden. */
  shown: readonly string[];
  /** Files and folders that can be written, from the root on. */
  writable: readonly string[];
  /** Files that cannot be read; those that are not there when a worker starts are not minded. */
  secrets: readonly string[];
  /** Folders in which files named `.env…` cannot be read. */
  settings: readonly string[];
  network: boolean;
}

/** How much each folder that is private and in memory can hold. */
export const temporaryBytes = 256 * 1024 * 1024;
/** Those of a program with settings, and no examples of such. */
const settingsFile = /^\.env(?:$|\.(?!example$|sample$|template$|dist$))/;
const maxProbeMs = 10_000;
/**
 * Keeps a worker from making namespaces in which it is root, and much of the kernel within its reach. Where bwrap is too
 * old for that, or the machine does not let it, there is a sandbox without.
 */
const withoutNamespaces = ["--unshare-user", "--disable-userns"];

export class Sandbox {
  readonly #start: readonly string[];
  readonly #end: readonly string[];
  readonly #order: SandboxOrder;

  private constructor(bwrap: readonly string[], order: SandboxOrder) {
    this.#order = order;
    this.#start = [
      ...bwrap,
      ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
      ...(order.network ? [] : ["--unshare-net"]),
      // It ends with the server, has no terminal, and as root no more rights than anybody with these files.
      ...["--die-with-parent", "--new-session", "--cap-drop", "ALL"],
      ...["--ro-bind", "/", "/", "--proc", "/proc", ...kernelSettings(), "--dev", "/dev"],
      ...["--size", String(temporaryBytes), "--tmpfs", "/dev/shm", "--remount-ro", "/dev"],
      ...sandboxMounts(order, temporaryBytes),
    ];
    this.#end = ["--chdir", order.folder, "--"];
  }

  /**
   * Tries a sandbox with these settings.
   *
   * @throws {MotusError} `sandbox_unavailable`; `option_invalid` when the agent lies in a folder that is hidden.
   */
  static create(order: SandboxOrder, environment: Record<string, string>): Sandbox {
    const bwrap = findBwrap(environment);
    let said = "";
    for (const options of [withoutNamespaces, []]) {
      const sandbox = new Sandbox([bwrap, ...options], order);
      said = sandbox.#try(environment);
      if (said === "") return sandbox;
    }
    throw unavailable(`${said}; ${remedyFor(said)}, or leave out --sandbox`);
  }

  /** What was wrong with running something; empty when nothing was. */
  #try(environment: Record<string, string>): string {
    const { exitCode, stderr } = Bun.spawnSync(this.wrap([process.execPath, "--version"]), {
      env: { ...environment, BUN_BE_BUN: "1" },
      timeout: maxProbeMs,
      killSignal: "SIGKILL",
    });
    const [line = ""] = stderr.toString().trim().split("\n");
    return exitCode === 0 ? "" : line || `bwrap ended with exit code ${exitCode}`;
  }

  /**
   * The command that runs a command in a sandbox of its own.
   *
   * @param writable A folder that this one can write, too.
   */
  wrap(command: readonly string[], writable?: string): string[] {
    const { secrets, settings } = this.#order;
    const hidden = [...secrets, ...settings.flatMap(settingsFiles)].filter((file) => existsSync(file));
    return [
      ...this.#start,
      ...(writable === undefined ? [] : ["--bind", writable, writable]),
      // A device of a folder without devices: whoever opens it is told that it may not.
      ...hidden.flatMap((file) => ["--ro-bind", "/dev/null", realpathSync(file)]),
      ...this.#end,
      ...command,
    ];
  }
}

function findBwrap({ PATH = "" }: Record<string, string>): string {
  if (process.platform !== "linux") throw unavailable("it needs Linux; leave out --sandbox");
  const bwrap = Bun.which("bwrap", { PATH });
  if (bwrap !== null) return bwrap;
  throw unavailable(
    "it needs bubblewrap, and there is no bwrap in the PATH; install it (apt-get install bubblewrap), or leave out --sandbox",
  );
}

/** Root owns what the kernel can be told in `/proc`, and needs no rights for it; not all versions of bwrap mind that. */
function kernelSettings(): string[] {
  const isWritable = (name: string) =>
    ((statSync(`/proc/${name}`, { throwIfNoEntry: false })?.mode ?? 0) & 0o222) !== 0;
  return readdirSync("/proc", { withFileTypes: true })
    .filter((entry) => /^[a-z]/.test(entry.name) && (entry.isDirectory() || entry.isFile()))
    .filter((entry) => entry.isDirectory() || isWritable(entry.name))
    .flatMap(({ name }) => ["--ro-bind-try", `/proc/${name}`, `/proc/${name}`]);
}

function remedyFor(said: string): string {
  if (said.includes("Unknown option")) return "it needs bubblewrap 0.7 or newer";
  if (said.includes("setuid")) return "use a bwrap without the setuid bit";
  if (/namespace|permitted|permission|uid map/i.test(said))
    return "allow this user to make namespaces (docs/security.md says how)";
  return "see docs/security.md";
}

function unavailable(why: string): MotusError {
  return new MotusError("sandbox_unavailable", `Cannot run turns in a sandbox on this machine: ${why}`);
}

function settingsFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => settingsFile.test(name))
      .map((name) => join(folder, name));
  } catch {
    return [];
  }
}
