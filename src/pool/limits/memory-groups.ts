/**
 * A control group of the kernel for each worker, below the server's own, so that the worker and all that it starts together
 * cannot use more memory than one may. Needs the right to make groups: root with cgroup v1; with v2 a group that was handed to
 * the server whole, and the server in a group `motus` of it, because a group that has processes cannot share out memory.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { statOf } from "../proc.ts";
import { killProcess } from "../terminate.ts";
import type { MemoryLimit, WorkerMemory } from "./memory-limit.ts";

interface Hierarchy {
  /** Where groups are. */
  root: string;
  /** How the server's own group is named in /proc/self/cgroup. */
  line: RegExp;
  /** The file that takes the limit, and one that takes that of memory and swap together, or of swap. */
  limit: string;
  swap: { file: string; value(bytes: number): number };
  /** The file that counts what the kernel has ended, and one that has it end all of a group at once. */
  kills: string;
  together?: string;
  isUnified: boolean;
}

const hierarchies: Hierarchy[] = [
  {
    root: "/sys/fs/cgroup/memory",
    line: /^\d+:memory:(.*)$/m,
    limit: "memory.limit_in_bytes",
    swap: { file: "memory.memsw.limit_in_bytes", value: (bytes) => bytes },
    kills: "memory.oom_control",
    isUnified: false,
  },
  {
    root: "/sys/fs/cgroup",
    line: /^0::(.*)$/m,
    limit: "memory.max",
    swap: { file: "memory.swap.max", value: () => 0 },
    kills: "memory.events",
    together: "memory.oom.group",
    isUnified: true,
  },
];
/** The group of a server: its process, when that started, and the how many-eth it is in it. */
const serverGroup = /^motus-(\d+)-(\d+)-\d+$/;
/** Processes that were killed may hold their group for a moment. */
const removal = { tries: 100, pauseMs: 20 };

let groups = 0;

export class MemoryGroups implements MemoryLimit {
  readonly by = "cgroup";
  readonly #hierarchy: Hierarchy;
  readonly #folder: string;
  readonly #maxBytes: number;
  readonly #removals = new Set<Promise<void>>();
  #opened = 0;

  private constructor(hierarchy: Hierarchy, folder: string, maxBytes: number) {
    this.#hierarchy = hierarchy;
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  /** Undefined where a process cannot be started in a group with such a limit, which is tried. */
  static create(maxBytes: number): MemoryGroups | undefined {
    for (const hierarchy of hierarchies) {
      const base = baseOf(hierarchy);
      if (base === undefined) continue;
      removeAbandoned(base);
      const name = `motus-${process.pid}-${startOf(process.pid)}-${groups++}`;
      const found = new MemoryGroups(hierarchy, join(base, name), maxBytes);
      if (found.#works()) return found;
    }
    return undefined;
  }

  open(): WorkerMemory {
    const folder = join(this.#folder, `worker-${this.#opened++}`);
    try {
      this.#make(folder, this.#maxBytes);
    } catch (error) {
      removeNow(folder);
      throw error;
    }
    return {
      cgroup: folder,
      started() {},
      wasExceeded: () => kills(join(folder, this.#hierarchy.kills)) > 0,
      close: () => {
        const removed = remove(folder).finally(() => this.#removals.delete(removed));
        this.#removals.add(removed);
      },
    };
  }

  async close(): Promise<void> {
    await Promise.all(this.#removals);
    await remove(this.#folder);
  }

  #works(): boolean {
    const trial = join(this.#folder, "trial");
    try {
      mkdirSync(this.#folder);
      if (this.#hierarchy.isUnified) shareMemory(this.#folder);
      this.#make(trial, Number.MAX_SAFE_INTEGER);
      const env = { BUN_BE_BUN: "1" };
      const { exitCode } = Bun.spawnSync([process.execPath, "--version"], { cgroup: trial, env });
      rmdirSync(trial);
      if (exitCode === 0) return true;
    } catch {
      // Another hierarchy may do, or the watch.
    }
    for (const folder of [trial, this.#folder]) removeNow(folder);
    return false;
  }

  #make(folder: string, bytes: number): void {
    const { limit, swap, together } = this.#hierarchy;
    mkdirSync(folder);
    writeFileSync(join(folder, limit), String(bytes));
    // Not there on a machine that does not count swap, or has none.
    if (existsSync(join(folder, swap.file)))
      writeFileSync(join(folder, swap.file), String(swap.value(bytes)));
    if (together !== undefined) writeFileSync(join(folder, together), "1");
  }
}

/** The group below which the server may make its own; undefined when there is none. */
function baseOf({ root, line, isUnified }: Hierarchy): string | undefined {
  try {
    const [, path = ""] = line.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
    // In a container the root may be its own group already.
    const own = [join(root, path), root].find((folder) => processes(folder).includes(process.pid));
    if (own === undefined || !isUnified) return own;
    const base = basename(own) === "motus" ? dirname(own) : own;
    shareMemory(base);
    return base;
  } catch {
    return undefined;
  }
}

function shareMemory(folder: string): void {
  writeFileSync(join(folder, "cgroup.subtree_control"), "+memory");
}

/** Removes what servers have left that were killed. */
function removeAbandoned(base: string): void {
  for (const folder of subgroups(base)) {
    const [, pid, start] = serverGroup.exec(basename(folder)) ?? [];
    if (pid === undefined || startOf(Number(pid)) === start) continue;
    for (const below of subgroups(folder)) void remove(below).then(() => removeNow(folder));
    removeNow(folder);
  }
}

/** Ends what is still in a group, and removes it. */
async function remove(folder: string): Promise<void> {
  for (let left = removal.tries; left > 0 && !removeNow(folder); left--) {
    for (const pid of processes(folder)) killProcess(pid);
    await Bun.sleep(removal.pauseMs);
  }
}

function removeNow(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}

function subgroups(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => join(folder, name));
  } catch {
    return []; // Another server removes it as well.
  }
}

function processes(folder: string): number[] {
  try {
    return readFileSync(join(folder, "cgroup.procs"), "utf8").split("\n").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function kills(file: string): number {
  try {
    return Number(/^oom_kill (\d+)$/m.exec(readFileSync(file, "utf8"))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** When a process started, in the kernel's own count; undefined when it is gone. */
function startOf(pid: number): string | undefined {
  return statOf(pid)?.[19];
}
