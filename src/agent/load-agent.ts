/** Import path → agent. Runs in a worker: importing a module runs the user's code. */
import { MotusError } from "../errors.ts";
import { detectAgent, importFailure, type LoadedAgent } from "./detect-agent.ts";
import { parseImportPath, resolveModule } from "./import-path.ts";

/**
 * Imports the agent that a path names.
 *
 * @throws {MotusError} `agent_not_found`, `agent_import_failed`, `agent_export_missing`, `agent_invalid`,
 * `agent_sdk_missing`, `agent_sdk_unsupported`.
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
  return detectAgent(exports[exportName], importPath, file);
}

async function importModule(file: string, importPath: string): Promise<Record<string, unknown>> {
  try {
    return await import(file);
  } catch (error) {
    throw importFailure(importPath, error);
  }
}
