/** What one worker may use, and what is said of one that used more. */
import type { Outcome } from "../../protocol/session.ts";

export interface WorkerLimits {
  /** Bytes on stdout and stderr together; 0 for any. */
  maxOutputBytes: number;
  /** Seconds of processor time of one process in its turn; 0 for any. */
  maxCpuSeconds: number;
  /** Bytes of memory of the worker and what it starts; 0 for any. */
  maxMemoryBytes: number;
}

export const noLimits: WorkerLimits = { maxOutputBytes: 0, maxCpuSeconds: 0, maxMemoryBytes: 0 };

/** A limit that was exceeded. */
export interface Excess {
  outcome: Extract<Outcome, "failed" | "timed_out" | "out_of_memory">;
  /** What was done and what can be done about it; begins with a verb, its subject is the agent. */
  did: string;
}

const megabyte = 1024 * 1024;

export function outputExcess({ maxOutputBytes }: WorkerLimits): Excess {
  return {
    outcome: "failed",
    did: `wrote more than ${maxOutputBytes} bytes to stdout and stderr: ${remedy("write less", "--max-output")}`,
  };
}

export function eventExcess(maxEvents: number): Excess {
  return {
    outcome: "failed",
    did: `said more than ${maxEvents} events: ${remedy("say less", "--max-events")}`,
  };
}

/** A budget of time that is used up, as with `--timeout`; whoever handles the one wants to handle the other. */
export function cpuExcess({ maxCpuSeconds }: WorkerLimits): Excess {
  return {
    outcome: "timed_out",
    did: `used more than ${maxCpuSeconds} s of processor time: ${remedy("compute less", "--max-cpu")}`,
  };
}

export function memoryExcess({ maxMemoryBytes }: WorkerLimits): Excess {
  return {
    outcome: "out_of_memory",
    did: `used more than ${maxMemoryBytes / megabyte} MB of memory: ${remedy("hold less", "--max-memory")}`,
  };
}

function remedy(less: string, flag: string): string {
  return `${less}, or start the server with a larger ${flag}`;
}
