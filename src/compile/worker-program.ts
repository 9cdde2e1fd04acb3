/** How a worker is started: the words before the agent's import path, and what its environment needs. */
import { compiledRuntimeSettings, runtimeSettings } from "../protocol/runtime-settings.ts";

/** Says that the server has started this process, and where the real runtime is: `<pid of the server>:<path>`. */
export const startVariable = "MOTUS_WORKER_START";

interface WorkerProgram {
  command: string[];
  environment: Readonly<Record<string, string>>;
}

/** @param entry The worker's runtime, as source or bundled. */
export function sourceProgram(entry: string): WorkerProgram {
  return {
    // The server's environment has the .env already, less what is the server's own business.
    command: [process.execPath, "--no-install", "--no-env-file", "--conditions=motus-worker", entry],
    environment: runtimeSettings,
  };
}

/** @param file What build-executable.ts has made. */
export function executableProgram(file: string): WorkerProgram {
  const start = `${process.pid}:${process.execPath}`;
  return { command: [file], environment: { ...compiledRuntimeSettings, [startVariable]: start } };
}
