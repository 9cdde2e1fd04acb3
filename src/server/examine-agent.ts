/** What `motus compile` and `motus doctor` find out about an agent. They load it in processes of its own, never here. */
import type { AgentSources } from "../compile/agent-sources.ts";
import { sourcesOf } from "../compile/compile-agent.ts";
import { type ImportTimes, importTimes } from "../compile/import-times.ts";
import { MotusError } from "../errors.ts";
import { measureStart } from "../pool/measure-start.ts";
import type { AgentDescription } from "../pool/worker-process.ts";
import { type ComparedStarts, compareStarts, fromSource } from "./compare-starts.ts";
import { type AgentOrder, type CompileOutcome, compileAhead, compiledBefore } from "./compile-ahead.ts";

/** What is to be done besides loading the agent. */
export interface ExamineOptions {
  /** Whether it is compiled when it is not yet. */
  compile: boolean;
  /** Whether its imports are timed one by one. */
  imports: boolean;
  signal: AbortSignal;
}

export interface AgentReport {
  agent: AgentDescription;
  /** Null when a file of it cannot be read. */
  program: Program | null;
  compilation: CompileOutcome | { status: "missing" };
  starts: ComparedStarts;
  /** Null when nobody asked, or when they cannot be timed. */
  imports: ImportTimes | null;
}

export interface Program {
  /** How many files are the user's own. */
  ownFiles: number;
  /** What those import from packages. */
  packages: string[];
}

/** It does not load; `stderr` is what its worker wrote. */
export interface LoadFailure {
  error: MotusError;
  stderr: string;
}

/** @throws {MotusError} `agent_not_found`; what `signal` was aborted with. */
export async function examineAgent(
  order: AgentOrder,
  { compile, imports, signal }: ExamineOptions,
): Promise<AgentReport | LoadFailure> {
  const sources = readSources(order);
  const source = await fromSource(order);
  // Not counted: the first start reads from the disk what those after it find in memory.
  const first = await measureStart({ ...order, program: source }, signal);
  signal.throwIfAborted();
  if ("error" in first) return first;
  const { agent } = first;
  const prepare = compile ? compileAhead : compiledBefore;
  const compilation = (await prepare(order, agent.kind, signal)) ?? { status: "missing" as const };
  const executable = compilation.status === "compiled" ? compilation.executable : undefined;
  const starts = await compareStarts(order, { source, executable }, signal);
  const times = imports && sources ? await importTimes(order, sources, signal) : undefined;
  signal.throwIfAborted();
  return { agent, program: sources && programOf(sources), compilation, starts, imports: times ?? null };
}

function readSources(order: AgentOrder): AgentSources | null {
  try {
    return sourcesOf(order);
  } catch (error) {
    if (MotusError.isInstance(error)) throw error;
    return null; // If that is in the way of loading it, its worker says so better.
  }
}

function programOf({ files, packages }: AgentSources): Program {
  return { ownFiles: files.length, packages: [...packages.keys()] };
}
