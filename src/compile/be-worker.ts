/**
 * The first thing that a worker executable does: it makes itself look like the runtime that it stands for, so that the
 * agent finds what it would find from source.
 */
import { exportKinds } from "./export-kinds.ts";
import { allPackages } from "./packages-runtime.ts";
import { startVariable } from "./worker-program.ts";

/** @param runWorker Loads the worker's runtime, which starts to work at once. */
export function beWorker(runWorker: () => void): void {
  const start = process.env[startVariable] ?? "";
  const [parent = "", ...path] = start.split(":");
  if (parent !== String(process.ppid)) return beRuntime();
  delete process.env[startVariable];
  // Otherwise fork() and whoever else starts the runtime again would start this worker again, and so on without end.
  process.execPath = path.join(":");
  process.argv[0] = process.execPath;
  process.title = "bun";
  if (process.argv[2] === "--motus-trial") return reportPackages();
  runWorker();
}

/** Somebody else has started this file, as the runtime that it contains: then it is that. */
function beRuntime(): void {
  const { exitCode } = Bun.spawnSync([process.execPath, ...process.argv.slice(2)], {
    stdio: ["inherit", "inherit", "inherit"],
    env: { ...process.env, BUN_BE_BUN: "1" },
  });
  process.exit(exitCode ?? 1);
}

function reportPackages(): void {
  const kinds = allPackages().map(([name, exports]) => [name, exportKinds(exports)]);
  console.log(`\n${JSON.stringify(Object.fromEntries(kinds))}`);
  process.exit(0);
}
