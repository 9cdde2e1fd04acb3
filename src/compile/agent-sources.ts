/**
 * What an agent's program consists of: the user's own files, and the packages that they import. It is read off the text;
 * nothing is run. What cannot be read off it is an obstacle: then the program is not compiled.
 */
import { readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { isAbsolute } from "node:path";
import { parseImportPath, resolveModule } from "../agent/import-path.ts";
import { type CompilerSettings, noSettings, settingFor } from "./compiler-settings.ts";
import { findFile, packageFolder } from "./find-file.ts";
import { loaderOf } from "./loaders.ts";
import { importedByPattern, obstaclesIn } from "./read-code.ts";

export interface AgentSources {
  /** The user's own files, which stay as they are. */
  files: string[];
  /** What those import from packages: the name as it is written, and the file that it stands for. */
  packages: Map<string, string>;
  /** Why the program would behave differently when its packages are compiled, a sentence each. */
  obstacles: string[];
}

/** The file that an import path names. @throws {MotusError} `agent_not_found`. */
export function entryOf(importPath: string, folder: string): string {
  return resolveModule(parseImportPath(importPath).module, folder);
}

/**
 * Reads a program from its first file on.
 *
 * @param settings Those of the program's folder; an executable does not know them.
 */
export function readAgentSources(entry: string, settings = noSettings): AgentSources {
  const sources: AgentSources = { files: [], packages: new Map(), obstacles: [] };
  // A set takes more while it is gone through.
  const files = new Set([entry]);
  for (const file of files) {
    sources.files.push(file);
    for (const next of readFile(file, sources, settings)) files.add(next);
  }
  return sources;
}

/** Notes what a file imports from packages, and returns the user's own files that it imports. */
function readFile(file: string, sources: AgentSources, settings: CompilerSettings): string[] {
  const loader = loaderOf(file);
  if (loader === undefined) return [];
  const transpiler = new Bun.Transpiler({ loader });
  const text = readFileSync(file, "utf8");
  // Comments are gone from what the transpiler writes, and so are imports of types.
  const code = transpiler.transformSync(text);
  const imports = transpiler.scanImports(text);
  const setting = settingFor(text, loader, settings);
  if (setting !== undefined) sources.obstacles.push(`${file} depends on "${setting}" in ${settings.file}`);
  const named = importedByPattern(file, code);
  sources.obstacles.push(...obstaclesIn(file, code, imports), ...named.obstacles);
  const own = named.files;
  for (const { path, kind } of imports) {
    const target = isBuiltin(path) ? undefined : findFile(path, file, kind);
    // What is not there the program says itself, compiled or not; some packages are part of the runtime.
    if (target === undefined || !isAbsolute(target)) continue;
    if (isOwn(path, target, sources)) own.push(target);
    else if (loaderOf(target) !== undefined) addPackage(path, target, sources);
  }
  return own;
}

function addPackage(name: string, target: string, { packages }: AgentSources): void {
  // Another copy of the same package, for some of the files, goes by its place.
  packages.set((packages.get(name) ?? target) === target ? name : target, target);
}

/** Whether a file is the user's own, to be left as it is: packages of a workspace are as well. */
function isOwn(path: string, target: string, { files: [entry = ""] }: AgentSources): boolean {
  const folder = packageFolder(target);
  return (folder === "" && !isMotus(path)) || (folder !== "" && folder === packageFolder(entry));
}

/** In a checkout of motus this package lies outside of node_modules. */
export function isMotus(path: string): boolean {
  return path === "motus-serve" || path.startsWith("motus-serve/");
}
