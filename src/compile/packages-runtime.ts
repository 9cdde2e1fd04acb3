/** The packages inside a worker executable: how the user's files, the adapters and the packages themselves get them. */
import { dirname } from "node:path";
import { compiledPackage, compiledPackages, type Exports } from "../agent/compiled-packages.ts";

export const importHook = "motus.import";
/** An `import()` whose argument is no text, after any comment; not a method of that name, nor one inside a template. */
export const computedImports =
  /(?<![.\w$#])import\s*\((?=(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*\n)*(?!["'`)/\s]|\$\{))/;

/**
 * Lets the user's files import a package by its name. It is loaded when the first of them is evaluated.
 *
 * @param renamed The names of functions and classes that have another name than their export.
 */
export function offerPackage(
  name: string,
  names: readonly string[],
  renamed: Readonly<Record<string, string>>,
  load: () => Exports,
): void {
  let exports: Exports | undefined;
  compiledPackages().set(name, () => {
    exports ??= withNames(load(), names, renamed);
    return exports;
  });
  const values = names.map((key, index) => `const v${index} = exports[${JSON.stringify(key)}];`);
  const list = names.map((key, index) => `v${index} as ${JSON.stringify(key)}`);
  const contents = [
    `const exports = globalThis[Symbol.for("motus.packages")].get(${JSON.stringify(name)})();`,
    ...values,
    `export { ${list.join(", ")} };`,
  ].join("\n");
  Bun.plugin({ name, setup: (builder) => void builder.module(name, () => ({ contents, loader: "js" })) });
}

/** The bundler renames what has the same name in two modules; programs branch on the names of errors. */
function withNames(
  exports: Exports,
  names: readonly string[],
  renamed: Readonly<Record<string, string>>,
): Exports {
  for (const key of names) {
    const value = exports[key];
    const name = renamed[key] ?? key;
    if (typeof value !== "function" || value.name === name) continue;
    if (Object.getOwnPropertyDescriptor(value, "name")?.configurable === true)
      Object.defineProperty(value, "name", { value: name, configurable: true });
  }
  return exports;
}

/** Loads every package once. */
export function allPackages(): [name: string, exports: Exports][] {
  return [...compiledPackages()].map(([name, load]) => [name, load()]);
}

/** What an `import()` of a computed name becomes in a package: it is looked up from the file where it stands. */
Object.assign(globalThis, {
  [Symbol.for(importHook)]: (file: string) => async (name: unknown, options?: ImportCallOptions) => {
    const wanted = String(name);
    const compiled = compiledPackage(wanted);
    if (compiled !== undefined) return compiled;
    return import(Bun.resolveSync(wanted.replace(/^file:\/\//, ""), dirname(file)), options);
  },
});
