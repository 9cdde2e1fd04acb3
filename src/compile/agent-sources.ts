/**
 * What an agent's program consists of: the user's own files, and the packages that they import. It is read off the text;
 * nothing is run. What cannot be read off it is an obstacle: then the program is not compiled.
 */
import { existsSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { dirname, extname, join, sep } from "node:path";
import { parseImportPath, resolveModule } from "../agent/import-path.ts";

export interface AgentSources {
  /** The user's own files, which stay as they are. */
  files: string[];
  /** What those import from packages: the name as it is written, and the file that it stands for. */
  packages: Map<string, string>;
  /** Why the program would behave differently when its packages are compiled, a sentence each. */
  obstacles: string[];
}

/** The loader of each kind of file that may import others. */
const loaders: Record<string, "js" | "jsx" | "ts" | "tsx"> = {
  ".js": "jsx",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
};

/** What makes a program look for modules by itself; it would find another copy than the compiled one. */
const lookups: readonly [RegExp, string][] = [
  [/\brequire\s*\(\s*(?!["'])/, "calls require() with a name that is not written there"],
  [/\bimport\s*\(\s*(?!["']|[`]\.{1,2}\/|new URL\()/, "calls import() with a name that is not written there"],
  [
    /\brequire\.resolve\b|\bimport\.meta\.(?:resolve|require)\b|\bBun\.resolve(?:Sync)?\b/,
    "resolves modules",
  ],
  [/\bcreateRequire\b/, "uses createRequire()"],
  [/\bBun\.plugin\b|\bmock\.module\b/, "changes how modules are loaded"],
];

/** The file that an import path names. @throws {MotusError} `agent_not_found`. */
export function entryOf(importPath: string, folder: string): string {
  return resolveModule(parseImportPath(importPath).module, folder);
}

/** Reads a program from its first file on. */
export function readAgentSources(entry: string): AgentSources {
  const sources: AgentSources = { files: [], packages: new Map(), obstacles: [] };
  const waiting = [entry];
  const seen = new Set(waiting);
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    sources.files.push(file);
    for (const next of readFile(file, sources)) {
      if (seen.has(next)) continue;
      seen.add(next);
      waiting.push(next);
    }
  }
  return sources;
}

/** Notes what a file imports from packages, and returns the user's own files that it imports. */
function readFile(file: string, sources: AgentSources): string[] {
  const loader = loaders[extname(file)];
  if (loader === undefined) return [];
  const transpiler = new Bun.Transpiler({ loader });
  const text = readFileSync(file, "utf8");
  const own: string[] = [];
  // Comments are gone from what the transpiler writes, and so are imports of types.
  const code = transpiler.transformSync(text);
  for (const [pattern, what] of lookups) {
    if (pattern.test(code)) sources.obstacles.push(`${file} ${what}`);
  }
  for (const { path, kind } of transpiler.scanImports(text)) {
    if (isBuiltin(path) || path === "bun" || path.startsWith("bun:")) continue;
    const target = resolve(path, file);
    if (target === undefined) continue; // It is not there; the program says so itself, compiled or not.
    if (isOwn(path, target)) own.push(target);
    else if (kind === "require-call") sources.obstacles.push(`${file} calls require("${path}")`);
    else addPackage(path, target, file, sources);
  }
  return own;
}

function addPackage(name: string, target: string, file: string, { packages, obstacles }: AgentSources): void {
  if (loaders[extname(target)] === undefined) return; // Data, or a native addon: loaded as it is.
  const before = packages.get(name);
  if (before !== undefined && before !== target)
    obstacles.push(`${file} gets another copy of ${name} than the rest of the program`);
  else packages.set(name, target);
}

/** Whether a file is the user's own, to be left as it is: packages of a workspace are as well. */
function isOwn(path: string, target: string): boolean {
  if (/^\.{0,2}\//.test(path)) return true;
  return !target.includes(`${sep}node_modules${sep}`) && !isMotus(path);
}

/** In a checkout of motus this package lies outside of node_modules. */
export function isMotus(path: string): boolean {
  return path === "motus-serve" || path.startsWith("motus-serve/");
}

function resolve(path: string, file: string): string | undefined {
  try {
    return Bun.resolveSync(path, dirname(file));
  } catch {
    return undefined;
  }
}

/** Settings of the folder, or of the environment, that change how modules are loaded; a sentence each. */
export function loadingSettings(folder: string, environment: Record<string, string | undefined>): string[] {
  const obstacles: string[] = [];
  const bunfig = join(folder, "bunfig.toml");
  if (existsSync(bunfig) && /^\s*(?:preload|define|loader|jsx\w*)\b/m.test(readFileSync(bunfig, "utf8")))
    obstacles.push(`${bunfig} changes how modules are loaded`);
  for (const name of ["BUN_OPTIONS", "BUN_INSPECT_PRELOAD"])
    if (environment[name]) obstacles.push(`${name} is set`);
  return obstacles;
}
