/** How a worker is started: the words before the agent's import path, and what its environment needs. */
import { compiledRuntimeSettings, runtimeSettings } from "../protocol/runtime-settings.ts";
import { workerSource } from "./compile-worker.ts";
import { workerArguments } from "./worker-arguments.ts";
import { startVariable, type WorkerStart } from "./worker-start.ts";

interface WorkerProgram {
  command: string[];
  environment: Readonly<Record<string, string>>;
  /** What the process is told to be called. */
  argv0?: string;
}

/** @param entry The worker's runtime, as source or bundled. */
export function sourceProgram(entry: string): WorkerProgram {
  return {
    command: [process.execPath, ...workerArguments, entry],
    environment: runtimeSettings,
  };
}

/**
 * @param file What build-executable.ts has made.
 * @param entry What `sourceProgram` would start with.
 * @param isSandboxed Whether it is started in a sandbox, each worker in one of its own.
 */
export function executableProgram(file: string, entry = workerSource, isSandboxed = false): WorkerProgram {
  const pid = isSandboxed ? null : process.pid;
  const start: WorkerStart = { pid, runtime: process.execPath, entry };
  return {
    command: [file],
    environment: { ...compiledRuntimeSettings, [startVariable]: JSON.stringify(start) },
    argv0: process.execPath,
  };
}
