/**
 * What the tsconfig.json of a program's folder says about how its files are compiled. The runtime follows it from source,
 * and not in an executable; a file that is the same either way does not mind.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Loader } from "./loaders.ts";

export interface CompilerSettings {
  /** Where they are. */
  file: string;
  options: Record<string, unknown>;
}

export const noSettings: CompilerSettings = { file: "", options: {} };
const maxExtends = 10;

/** The runtime looks in this folder, and not above. */
export function compilerSettings(folder: string): CompilerSettings {
  const file = ["tsconfig.json", "jsconfig.json"]
    .map((name) => join(folder, name))
    .find((path) => existsSync(path));
  return file === undefined ? noSettings : { file, options: optionsOf(file, maxExtends) };
}

/** The setting without which a file would be compiled to something else. */
export function settingFor(text: string, loader: Loader, { options }: CompilerSettings): string | undefined {
  const compile = (compilerOptions: object) =>
    new Bun.Transpiler({ loader, tsconfig: JSON.stringify({ compilerOptions }) }).transformSync(text);
  const hasJsx = () => compile({ jsx: "react" }) !== compile({ jsx: "react-jsx" });
  const hasDecorators = () => compile({ experimentalDecorators: true }) !== compile({});
  const jsx = Object.keys(options).find((name) => name.startsWith("jsx"));
  if (jsx !== undefined && hasJsx()) return jsx;
  if (options.experimentalDecorators === true && hasDecorators()) return "experimentalDecorators";
  if (options.useDefineForClassFields === false && /\bclass\b/.test(text)) return "useDefineForClassFields";
  return undefined;
}

/** With those that it extends, of which the nearest counts. */
function optionsOf(file: string, depth: number): CompilerSettings["options"] {
  try {
    const { compilerOptions = {}, extends: base } = Bun.JSONC.parse(readFileSync(file, "utf8")) as {
      compilerOptions?: Record<string, unknown>;
      extends?: unknown;
    };
    const bases = depth === 0 ? [] : [base].flat().filter((name) => typeof name === "string");
    const inherited = bases.map((name) => optionsOf(Bun.resolveSync(name, dirname(file)), depth - 1));
    return Object.assign({}, ...inherited, compilerOptions);
  } catch {
    return {}; // The runtime does without what it cannot read.
  }
}
