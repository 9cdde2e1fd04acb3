/** What a module's export is, and how it is run. */
import { MotusError } from "../errors.ts";
import { isShape, nearMisses, type Shape, sdks } from "./sdks.ts";
import type { AgentFunction, ServableAgent } from "./types.ts";

export interface LoadedAgent {
  /** What it is, in words for the start line. */
  kind: string;
  run: AgentFunction;
  /** What will probably go wrong. */
  warnings: string[];
}

/**
 * @param file Where the value was exported; SDKs are resolved from there.
 * @throws {MotusError} `agent_invalid`, `agent_sdk_missing`, `agent_sdk_unsupported`.
 */
export async function detectAgent(value: unknown, importPath: string, file: string): Promise<LoadedAgent> {
  if (isShape(value)) {
    if (typeof value.runTurn === "function") return ownAgent(value as Shape & ServableAgent, importPath);
    const sdk = sdks.find(({ isAgent }) => isAgent(value));
    if (sdk !== undefined) {
      // Only now: what it needs of the runtime would cost every other agent milliseconds.
      const { SdkImporter } = await import("./import-sdk.ts");
      const importer = new SdkImporter(file);
      const { adapt } = await sdk.load();
      const { run, warnings = [] } = await adapt(value, importer);
      return { kind: sdk.kind, run, warnings: [...importer.warnings, ...warnings] };
    }
    const miss = nearMisses.find(({ isIt }) => isIt(value));
    if (miss !== undefined) {
      throw new MotusError("agent_invalid", `Cannot serve "${importPath}": ${miss.advice}`);
    }
  }
  if (typeof value === "function") {
    if (!isClass(value)) return { kind: kindOfFunction(value), run: value as AgentFunction, warnings: [] };
    throw new MotusError(
      "agent_invalid",
      `Cannot serve "${importPath}": it is the class ${value.name}; export an instance of it, made with new ${value.name}(…)`,
    );
  }
  throw new MotusError(
    "agent_invalid",
    `Cannot serve "${importPath}": an agent is a function, an object with a runTurn method or an agent of an SDK that motus knows, and this is ${describeValue(value)}`,
  );
}

async function ownAgent(agent: Shape & ServableAgent, importPath: string): Promise<LoadedAgent> {
  let prepared: unknown;
  try {
    prepared = await agent.prepare?.();
  } catch (error) {
    if (MotusError.isInstance(error)) throw error;
    throw importFailure(importPath, error);
  }
  const tag = Object.prototype.toString.call(agent).slice("[object ".length, -1);
  const kind = tag === "Object" || tag === "Function" ? "object with runTurn" : tag;
  const warnings = Array.isArray(prepared) ? prepared.map(String) : [];
  return { kind, run: agent.runTurn.bind(agent), warnings };
}

/** Why the agent's module, or what it prepares, failed to load. */
export function importFailure(importPath: string, cause: unknown): MotusError {
  const reason = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  const [, missing] = /Cannot find (?:package|module) ["']((?:@[^/"']+\/)?[^./"'][^/"']*)/.exec(reason) ?? [];
  const advice = missing === undefined ? "" : `; run: bun add ${missing}`;
  return new MotusError(
    "agent_import_failed",
    `Cannot import the agent "${importPath}": ${reason}${advice}`,
    {
      cause,
    },
  );
}

function isClass(value: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(value));
}

function kindOfFunction(value: object): string {
  switch (Object.prototype.toString.call(value)) {
    case "[object AsyncFunction]":
      return "async function";
    case "[object GeneratorFunction]":
      return "generator";
    case "[object AsyncGeneratorFunction]":
      return "async generator";
    default:
      return "function";
  }
}

function describeValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value !== "object") return `a ${typeof value}`;
  const keys = Object.keys(value);
  return keys.length === 0 ? "an object without fields" : `an object with ${keys.slice(0, 8).join(", ")}`;
}
