/** What the commands that examine an agent without serving it share. */
import { resolve } from "node:path";
import type { Command } from "commander";
import type { AgentReport, LoadFailure } from "../server/examine-agent.ts";
import { resolveOptions } from "../server/options.ts";
import { leaveOnSignal } from "./leave-on-signal.ts";
import { printable } from "./printable.ts";

export interface AgentFlags {
  cacheDir?: string;
  json?: true;
}

/** A command whose argument is an agent. */
export function addAgentCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .argument(
      "<agent>",
      "The agent as module:export, such as src/app.ts:agent; without :export, the default export",
    )
    .option(
      "--cache-dir <folder>",
      `Where compiled workers are kept (default: ${resolveOptions({}).cacheDir})`,
    )
    .option("--json", "Print one JSON object (default: text for people)");
}

/**
 * Examines an agent as its server would find it. When a signal has ended that, the result is undefined and the exit code
 * is set.
 *
 * @throws {MotusError} `agent_not_found`, `nested_too_deep`.
 */
export async function examine(
  importPath: string,
  { cacheDir }: AgentFlags,
  options: { compile: boolean; imports: boolean },
): Promise<AgentReport | LoadFailure | undefined> {
  const { checkDepth, workerEnvironment } = await import("../pool/worker-environment.ts");
  const { examineAgent } = await import("../server/examine-agent.ts");
  checkDepth(process.env, "start workers");
  const defaults = resolveOptions({});
  const order = {
    importPath,
    folder: defaults.folder,
    cacheFolder: resolve(cacheDir ?? defaults.cacheDir),
    environment: workerEnvironment(process.env),
  };
  using leave = leaveOnSignal();
  const stopSpinner = await startSpinner(`Examining ${importPath}`);
  try {
    return await examineAgent(order, { ...options, signal: leave.signal });
  } catch (error) {
    if (leave.exitCode === undefined) throw error;
    process.exitCode = leave.exitCode;
    return undefined;
  } finally {
    stopSpinner();
  }
}

/** Says on stderr what the agent's worker wrote, and why it does not load. */
export function explainFailure({ error, stderr }: LoadFailure): void {
  if (stderr.trim() !== "") console.error(printable(stderr).trimEnd());
  console.error(`Error: ${printable(error.message)}`);
}

/** Shows people that something happens. */
async function startSpinner(text: string): Promise<() => void> {
  if (process.stderr.isTTY !== true) return () => {};
  const { default: yoctoSpinner } = await import("yocto-spinner");
  // Signals are ours: its own handling of them would exit before the build is cleared away.
  const spinner = yoctoSpinner({ text, stream: process.stderr, handleSignals: false }).start();
  return () => spinner.stop();
}
