/**
 * `module:export` → a file. The module is a file (`./src/app.ts`, `src/app`, `src.app`) or a package or a
 * path of tsconfig.json; without `:export` it is the default export.
 */
import { MotusError } from "../errors.ts";

export interface ImportPath {
  module: string;
  exportName: string;
}

/** @throws {MotusError} `agent_not_found` when there is nothing before or after the colon. */
export function parseImportPath(path: string): ImportPath {
  const colon = path.lastIndexOf(":");
  const module = colon === -1 ? path : path.slice(0, colon);
  const exportName = colon === -1 ? "default" : path.slice(colon + 1);
  if (module === "" || exportName === "") {
    throw new MotusError(
      "agent_not_found",
      `Cannot read the agent's import path "${path}": write it as module:export, such as src/app.ts:agent`,
    );
  }
  return { module, exportName };
}

/**
 * The file that a module name stands for, seen from a folder.
 *
 * @throws {MotusError} `agent_not_found`, naming all that was looked for and what is there instead.
 */
export function resolveModule(module: string, folder: string): string {
  const candidates = candidatesFor(module);
  for (const candidate of candidates) {
    try {
      return Bun.resolveSync(candidate, folder);
    } catch {
      // The next candidate may exist; if none does, the error below names them all.
    }
  }
  throw new MotusError(
    "agent_not_found",
    `Cannot find the agent's module "${module}": looked for ${candidates.map(describe).join(", ")} from ${folder}, ` +
      `and found ${neighbours(folder, candidates[0] ?? module)}`,
  );
}

function candidatesFor(module: string): string[] {
  if (/^\.{0,2}\//.test(module)) return [module];
  const file = `./${module}`;
  const dotted = `./${module.replaceAll(".", "/")}`;
  return dotted === file || module.includes("/") ? [file, module] : [file, dotted, module];
}

function describe(candidate: string): string {
  return /^\.{0,2}\//.test(candidate) ? `the file ${candidate}` : `the package or path "${candidate}"`;
}

/** What lies where the file was expected, for the error message. */
function neighbours(start: string, candidate: string): string {
  // Not imported above: a worker that finds its agent would load them for nothing, which takes milliseconds.
  const { readdirSync } = process.getBuiltinModule("node:fs");
  const { basename, dirname, resolve } = process.getBuiltinModule("node:path");
  const folder = dirname(resolve(start, candidate));
  try {
    const sources = readdirSync(folder)
      .filter((name) => /\.[cm]?[jt]sx?$/.test(name))
      .sort();
    const shown = sources.slice(0, 8).join(", ") + (sources.length > 8 ? ", …" : "");
    return sources.length === 0 ? `no source file in ${folder}` : `${shown} in ${folder}`;
  } catch {
    return `no folder ${basename(folder)} there`;
  }
}
