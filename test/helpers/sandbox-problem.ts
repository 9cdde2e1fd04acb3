import { spawnSync } from "node:child_process";

/** Why turns cannot run in a sandbox here; undefined when they can, and in CI, where they have to. */
export function sandboxProblem(): string | undefined {
  if (process.env.CI) return undefined;
  const { error, status, stderr } = spawnSync(
    "bwrap",
    ["--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "true"],
    {
      encoding: "utf8",
    },
  );
  if (error !== undefined) return `bwrap cannot be started: ${error.message}`;
  return status === 0 ? undefined : stderr.trim();
}
