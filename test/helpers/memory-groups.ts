import { readdirSync, readFileSync } from "node:fs";

/** The control groups for memory that servers have below this process's own (cgroup v1); none elsewhere. */
export function memoryGroups(): string[] {
  try {
    const [, path = ""] = /^\d+:memory:(.*)$/m.exec(readFileSync("/proc/self/cgroup", "utf8")) ?? [];
    return readdirSync(`/sys/fs/cgroup/memory${path}`).filter((name) => name.startsWith("motus-"));
  } catch {
    return [];
  }
}
