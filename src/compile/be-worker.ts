/**
 * The first thing that a worker executable does: it makes itself look like the runtime that it stands for, so that the
 * agent finds what it would find from source.
 */
import type { FromWorker } from "../protocol/worker-message.ts";
import { exportKinds } from "./export-kinds.ts";
import { workerArguments } from "./worker-arguments.ts";
import { startVariable, type WorkerStart } from "./worker-start.ts";

/**
 * @param offerFiles Makes the files in the executable available, and says when another one is loaded.
 * @param runWorker Loads the worker's runtime, which starts to work at once.
 */
export function beWorker(offerFiles: (onStray: (what: string) => void) => void, runWorker: () => void): void {
  const start = readStart();
  if (start === undefined) return beRuntime();
  delete process.env[startVariable];
  lookLike(start);
  if (process.argv[2] === trialArgument) {
    offerFiles(endTrial);
    void reportExports(JSON.parse(process.argv[3] ?? "[]"));
  } else {
    offerFiles(failToLoad);
    runWorker();
  }
}

/** The worker is the second process of its sandbox, or the third where bwrap has needed one more. */
const maxSandboxedPid = 3;

/** Followed by the files to import, as JSON. */
export const trialArgument = "--motus-trial";

/** Undefined when somebody else has started this file, by hand or as `process.execPath`. */
function readStart(): WorkerStart | undefined {
  try {
    const start: WorkerStart = JSON.parse(process.env[startVariable] ?? "");
    return isMeant(start.pid) ? start : undefined;
  } catch {
    return undefined;
  }
}

/**
 * In a sandbox every process whose parent is gone becomes a child of the first one; only the worker has one of the first
 * numbers too, which nobody gets again.
 */
function isMeant(server: number | null): boolean {
  return server === null ? process.ppid === 1 && process.pid <= maxSandboxedPid : process.ppid === server;
}

function lookLike({ runtime, entry }: WorkerStart): void {
  // Otherwise fork() and whoever else starts the runtime again would start this worker again, and so on without end.
  process.execPath = runtime;
  process.execArgv = [...workerArguments];
  process.argv[0] = runtime;
  // In a sandbox nobody has told the process to be called so.
  process.argv0 = runtime;
  process.title = runtime;
  process.argv[1] = entry;
  const main = require.cache[Bun.main];
  Object.assign(Bun, { main: entry });
  if (main === undefined) return;
  Object.assign(main, { id: ".", filename: entry });
  require.cache[entry] = main;
}

/** This file is the runtime that it contains, for whoever starts it as that. */
function beRuntime(): never {
  process.execve?.(process.execPath, [process.execPath, ...process.argv.slice(2)], {
    ...process.env,
    BUN_BE_BUN: "1",
  });
  throw new Error("This is a worker of motus; it is started by its server");
}

async function reportExports(files: readonly string[]): Promise<void> {
  const kinds: [string, object][] = [];
  for (const file of files) kinds.push([file, exportKinds(await import(file))]);
  // Packages may write what they like while they are imported; the last line is ours.
  console.log(`\n${JSON.stringify(Object.fromEntries(kinds))}`);
  process.exit(0);
}

function endTrial(what: string): never {
  console.error(`Error: ${what}`);
  process.exit(1);
}

/** The server then starts workers from source. Once the agent is loaded nobody listens. */
function failToLoad(what: string): void {
  process.send?.({ type: "worker-failed", code: "agent_import_failed", message: what } satisfies FromWorker);
}
