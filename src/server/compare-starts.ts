/** What an agent's workers cost to start, from source and compiled. */
import { compileWorker, workerSource } from "../compile/compile-worker.ts";
import { executableProgram, sourceProgram } from "../compile/worker-program.ts";
import { type MeasuredStart, measureStart, medianCost, type StartCost } from "../pool/measure-start.ts";
import type { WorkerProgram } from "../pool/worker-process.ts";
import type { AgentOrder } from "./compile-ahead.ts";

/** The medians of `runs` starts each. */
export interface ComparedStarts {
  runs: number;
  source: StartCost | null;
  /** Null when it is not compiled. */
  compiled: StartCost | null;
}

const runs = 3;

/** What a server's workers start with as long as nothing of the agent's is compiled. */
export async function fromSource({ cacheFolder }: AgentOrder): Promise<WorkerProgram> {
  try {
    return sourceProgram(await compileWorker(cacheFolder));
  } catch {
    return sourceProgram(workerSource); // As a server does it; it takes a little longer.
  }
}

/** Starts workers in turns, so that a busy moment of the machine is one for both. */
export async function compareStarts(
  order: AgentOrder,
  { source, executable }: { source: WorkerProgram; executable: string | undefined },
  signal: AbortSignal,
): Promise<ComparedStarts> {
  const starts: { source: MeasuredStart[]; compiled: MeasuredStart[] } = { source: [], compiled: [] };
  for (let run = 0; run < runs; run++) {
    starts.source.push(await measureStart({ ...order, program: source }, signal));
    if (executable !== undefined)
      starts.compiled.push(await measureStart({ ...order, program: executableProgram(executable) }, signal));
    signal.throwIfAborted();
  }
  return { runs, source: costOf(starts.source), compiled: costOf(starts.compiled) };
}

function costOf(starts: readonly MeasuredStart[]): StartCost | null {
  return medianCost(starts.flatMap((start) => ("cost" in start ? [start.cost] : []))) ?? null;
}
