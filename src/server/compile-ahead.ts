/** Compiles an agent's packages before any server needs them, and tells what came of it. */
import {
  type Compilation,
  type CompileOrder,
  compileAgent,
  findCompiled,
  refuse,
  whyNotLoaded,
} from "../compile/compile-agent.ts";
import { messageOf } from "../compile/message-of.ts";
import { executableProgram } from "../compile/worker-program.ts";
import { MotusError } from "../errors.ts";
import { measureStart } from "../pool/measure-start.ts";

/** An agent, and what its workers have. */
export interface AgentOrder extends CompileOrder {
  environment: Record<string, string>;
}

export type CompileOutcome =
  | {
      status: "compiled";
      /** Whether it was in the cache already. */
      wasThere: boolean;
      executable: string;
      bytes: number;
      packages: string[];
      buildMs: number;
    }
  /** It would not behave the same; `wasThere` when that was found out before. */
  | { status: "refused"; wasThere: boolean; why: string }
  /** The build went wrong; another one may go well. */
  | { status: "failed"; why: string };

/**
 * Compiles, unless that was done before, and checks that the agent loads with the result.
 *
 * @param kind What the agent is from source.
 * @throws only what `signal` was aborted with.
 */
export async function compileAhead(
  order: AgentOrder,
  kind: string,
  signal: AbortSignal,
): Promise<CompileOutcome> {
  try {
    const found = await compiledBefore(order, kind, signal);
    if (found !== undefined) return found;
    const compiled = await compileAgent(order, signal);
    return await outcomeOf(compiled, { order, kind, signal, wasThere: false });
  } catch (error) {
    signal.throwIfAborted();
    return { status: "failed", why: messageOf(error) };
  }
}

/** What is known of it already, checked in the same way; undefined when it has to be compiled. */
export async function compiledBefore(
  order: AgentOrder,
  kind: string,
  signal: AbortSignal,
): Promise<CompileOutcome | undefined> {
  let found: Compilation | undefined;
  try {
    found = findCompiled(order);
  } catch (error) {
    return { status: "refused", wasThere: false, why: messageOf(error) }; // A file of it cannot be read.
  }
  return found && outcomeOf(found, { order, kind, signal, wasThere: found.key !== "" });
}

interface Check {
  order: AgentOrder;
  kind: string;
  signal: AbortSignal;
  wasThere: boolean;
}

async function outcomeOf(
  compiled: Compilation,
  { order, kind, signal, wasThere }: Check,
): Promise<CompileOutcome> {
  if ("refused" in compiled) return { status: "refused", wasThere, why: compiled.refused };
  const { executable, bytes, packages, buildMs, key } = compiled;
  const start = await measureStart({ ...order, program: executableProgram(executable) }, signal);
  signal.throwIfAborted();
  const problem = "error" in start ? start.error : otherKind(start.agent.kind, kind);
  if (problem === undefined) return { status: "compiled", wasThere, executable, bytes, packages, buildMs };
  const why = whyNotLoaded(problem);
  // Servers must not try it again.
  await refuse(order, key, why).catch(() => {});
  return { status: "refused", wasThere: false, why };
}

function otherKind(found: string, wanted: string): MotusError | undefined {
  if (found === wanted) return undefined;
  return new MotusError("agent_import_failed", `The agent became ${found} instead of ${wanted}`);
}
