/** What only the runtime knows, for the code of one file in an executable. */
import type { Module } from "node:module";

/** What stands for `require`, `import()`, `module` and `import.meta` there. */
export interface FileContext {
  require: NodeJS.Require;
  import(name: unknown, options?: ImportCallOptions): Promise<unknown>;
  module: object;
  meta: object;
}

/**
 * @param requirer The script that asks for the file, if it is one.
 * @param onLoad Called with the path of what the file is about to load.
 */
export function createContext(
  file: string,
  requirer: string | null | undefined,
  onLoad: (path: string) => void,
): FileContext {
  // Not imported above: an executable whose files ask for nothing would load them for nothing, which takes milliseconds.
  const { Module } = process.getBuiltinModule("node:module");
  const { basename, dirname } = process.getBuiltinModule("node:path");
  const module = new Module(file);
  module.filename = file;
  const folder = dirname(file);
  const find = (name: unknown) => Bun.resolveSync(String(name).replace(/^file:\/\//, ""), folder);
  const tell = (name: unknown) => {
    try {
      onLoad(find(name));
    } catch {
      // It is not there; the runtime says so in its own words.
    }
  };
  // Compiled as code of that file, so that the runtime looks names up from there and says so in its errors.
  compile(module, contextCode, file);
  const context = (
    module.exports as (tell: (name: unknown) => void) => Pick<FileContext, "require" | "import">
  )(tell);
  const meta = {
    url: Bun.pathToFileURL(file).href,
    dir: folder,
    dirname: folder,
    path: file,
    filename: file,
    file: basename(file),
    env: process.env,
    main: false,
    require: context.require,
    resolve: (name: string) => urlOf(find(name)),
  };
  const own = require.cache[file] ?? module;
  const parent = requirer == null ? undefined : require.cache[requirer];
  Object.assign(own, { require: context.require }, parent !== undefined && { parent });
  return { ...context, module: own, meta };
}

const contextCode = `module.exports = (tell) => ({
  import(name, options) { tell(name); return import(name, options); },
  require: Object.setPrototypeOf((name) => { tell(name); return require(name); }, require),
});`;

function compile(module: Module, code: string, file: string): void {
  (module as unknown as { _compile(code: string, file: string): void })._compile(code, file);
}

function urlOf(path: string): string {
  return process.getBuiltinModule("node:path").isAbsolute(path) ? Bun.pathToFileURL(path).href : path;
}

/** Whether a file of a package is a module, which may import what is in the executable as a file. */
export function isModule(file: string): boolean {
  if (!/[\\/]node_modules[\\/]/.test(file)) return false;
  return /^\s*(?:import|export)\b/m.test(process.getBuiltinModule("node:fs").readFileSync(file, "utf8"));
}
