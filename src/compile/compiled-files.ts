/**
 * The files of packages inside a worker executable. Names are looked up on disk, as from source; where that leads to one of
 * these files, it is not read but taken from here, whoever asks for it: the user's files, an adapter, or a package that is
 * not in here. So there is one instance of each.
 */
import type { Module } from "node:module";
import { createContext, type FileContext, isModule } from "./file-context.ts";

export interface CompiledFiles {
  /** CommonJS: each file, and what evaluates it. */
  scripts: readonly (readonly [file: string, load: Load])[];
  /** ES modules that others than their own package may ask for. */
  modules: readonly CompiledModule[];
  /**
   * Files whose code asks for something that only the runtime knows, each with the script that requires it. The code names
   * them by their place in here.
   */
  asking: readonly (readonly [file: string, requirer?: string | null])[];
}

type CompiledModule = readonly [
  file: string,
  load: Load,
  /** What it exports, as far as that was known when it was compiled. */
  names: readonly string[] | null,
  /** The scripts that it imports, directly or by other modules, by their place in `scripts`. */
  scripts: readonly number[],
];

type Load = () => Record<string, unknown>;

/** The name of the global object by which compiled code finds what is in here. */
const globalName = "$motus";

/** @param onStray Called when a package loads a module that is not in here, and may import what is. */
export function offerFiles(
  { scripts, modules, asking }: CompiledFiles,
  onStray: (what: string) => void,
): void {
  const loaders = new Map<string, Load>(scripts);
  for (const [file, load] of modules) loaders.set(file, load);
  const load = (file: string) => loaders.get(file)?.();
  const contexts = new Map<number, FileContext>();
  const contextOf = (index: number) => {
    const [file = "", requirer] = asking[index] ?? [];
    const onLoad = (path: string) => {
      if (!loaders.has(path) && isModule(path)) onStray(`${file} loads ${path}, which no import names`);
    };
    const context = contexts.get(index) ?? createContext(file, requirer, onLoad);
    contexts.set(index, context);
    return context;
  };
  Object.defineProperty(globalThis, globalName, { value: { file: load, at: contextOf, named, missing } });
  for (const [file, loadScript] of scripts) require.cache[file] = scriptModule(file, loadScript);
  offerModules(modules, (index) => scripts[index]?.[1]());
}

/** A script as the runtime knows it, evaluated when its exports are first asked for. */
function scriptModule(file: string, load: Load): Module {
  const { Module } = process.getBuiltinModule("node:module");
  const module = new Module(file);
  module.filename = file;
  module.loaded = true;
  Object.defineProperty(module, "exports", {
    get: load,
    set: (value) => Object.defineProperty(module, "exports", { value, writable: true }),
    configurable: true,
    enumerable: true,
  });
  return module;
}

/** The module that stands for a compiled one is evaluated in its place and order among the user's files. */
function offerModules(modules: CompiledFiles["modules"], loadScript: (index: number) => void): void {
  const byFile = new Map(modules.map((module) => [module[0], module]));
  const filter = new RegExp(`^(?:${[...byFile.keys()].map((file) => RegExp.escape(file)).join("|")})$`);
  Bun.plugin({
    name: "compiled files",
    setup(builder) {
      builder.onLoad({ filter }, ({ path }) => {
        const [, load, names, scripts] = byFile.get(path) as CompiledModule;
        const imports = scripts.length === 0 ? "" : `import ${JSON.stringify(scriptsName(path))};`;
        return { contents: `${imports}${standIn(path, names ?? namesOf(load()))}`, loader: "js" };
      });
      for (const [file, , , scripts] of modules) {
        if (scripts.length === 0) continue;
        // The runtime evaluates scripts when it has read them, before any of the modules that import them.
        builder.module(scriptsName(file), () => {
          for (const index of scripts) loadScript(index);
          return { contents: "", loader: "js" };
        });
      }
    },
  });
}

/** A module that evaluates the scripts below another one when it is read. */
const scriptsName = (file: string) => `motus-scripts:${file}`;

function standIn(file: string, names: readonly string[]): string {
  const values = names.map((name, index) => `const v${index} = exports[${JSON.stringify(name)}];`);
  const list = names.map((name, index) => `v${index} as ${JSON.stringify(name)}`);
  return [
    `const exports = ${globalName}.file(${JSON.stringify(file)});`,
    ...values,
    `export { ${list.join(", ")} };`,
  ].join("\n");
}

function namesOf(exports: Record<string, unknown>): string[] {
  return Object.keys(exports).filter((name) => name !== "__esModule");
}

/**
 * The bundler numbers what has the same name as something else in the bundle, and calls what has none after its file; programs
 * read the names of classes.
 */
function named(value: unknown, { source: name }: RegExp): void {
  if (typeof value !== "function") return;
  const found = Object.getOwnPropertyDescriptor(value, "name");
  const isGiven = found?.configurable === true && found.writable === false && typeof found.value === "string";
  if (!isGiven) return;
  const isNumbered = found.value.startsWith(name) && /^\d+$/.test(found.value.slice(name.length));
  if (isNumbered || name === "default")
    Object.defineProperty(value, "name", { value: name, configurable: true });
}

/** What the runtime throws when a module imports what is not installed. */
function missing(name: string, importer: string): never {
  const error = new Error(`Cannot find package '${name}' imported from ${importer}`);
  throw Object.assign(error, { name: "ResolveMessage", code: "ERR_MODULE_NOT_FOUND" });
}
