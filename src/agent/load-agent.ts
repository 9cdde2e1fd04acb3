/** Import path → agent. Runs in a worker: importing a module runs the user's code. */
import { MotusError } from "../errors.ts";
import { parseImportPath, resolveModule } from "./import-path.ts";
import type { AgentFunction } from "./types.ts";

export interface LoadedAgent {
  /** What it is, in words for the start line. */
  kind: string;
  run: AgentFunction;
}

/**
 * Imports the agent that a path names.
 *
 * @throws {MotusError} `agent_not_found`, `agent_import_failed`, `agent_export_missing`, `agent_invalid`.
 */
export async function loadAgent(importPath: string, folder: string): Promise<LoadedAgent> {
  const { module, exportName } = parseImportPath(importPath);
  const file = resolveModule(module, folder);
  const exports = await importModule(file, importPath);
  if (!(exportName in exports)) {
    const names = Object.keys(exports);
    throw new MotusError(
      "agent_export_missing",
      `Cannot serve "${importPath}": ${file} has no ${exportName === "default" ? "default export" : `export "${exportName}"`}, ` +
        `it exports ${names.length === 0 ? "nothing" : names.join(", ")}`,
    );
  }
  return detectAgent(exports[exportName], importPath);
}

async function importModule(file: string, importPath: string): Promise<Record<string, unknown>> {
  try {
    return await import(file);
  } catch (error) {
    const reason = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    throw new MotusError("agent_import_failed", `Cannot import the agent "${importPath}": ${reason}`, {
      cause: error,
    });
  }
}

function detectAgent(value: unknown, importPath: string): LoadedAgent {
  if (isObject(value) && typeof value.runTurn === "function") {
    return { kind: "object with runTurn", run: value.runTurn.bind(value) as AgentFunction };
  }
  if (typeof value === "function") {
    if (!isClass(value)) return { kind: kindOfFunction(value), run: value as AgentFunction };
    throw new MotusError(
      "agent_invalid",
      `Cannot serve "${importPath}": it is the class ${value.name}; export an instance of it, made with new ${value.name}(…)`,
    );
  }
  throw new MotusError(
    "agent_invalid",
    `Cannot serve "${importPath}": an agent is a function or an object with a runTurn method, and this is ${describeValue(value)}`,
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return (typeof value === "object" && value !== null) || typeof value === "function";
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
