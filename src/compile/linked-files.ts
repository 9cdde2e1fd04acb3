/** Which files of packages have to be found one by one in an executable, and which are evaluated ahead of others. */
import type { PackageFile } from "./survey-packages.ts";

type Files = ReadonlyMap<string, PackageFile>;

/**
 * Modules that can be asked for from outside of the strict bundle: by the program, or by sloppy code. All that such a
 * module exports stays in the executable, needed or not, so these are no more than have to be.
 */
export function linkedModules(files: Files, entries: readonly string[]): string[] {
  const linked = new Set(entries);
  for (const { isStrict, imports } of files.values()) {
    for (const { file } of imports) if (file !== undefined && !isStrict) linked.add(file);
  }
  return [...linked].filter((file) => files.get(file)?.kind === "module");
}

/** The scripts that a module imports, directly or by other modules, in the order in which they are found. */
export function scriptsOf(module: string, files: Files): string[] {
  const scripts = new Set<string>();
  const seen = new Set([module]);
  for (const file of seen) {
    for (const { kind, file: imported } of files.get(file)?.imports ?? []) {
      if (kind !== "import-statement" || imported === undefined) continue;
      const target = files.get(imported);
      if (target?.kind === "script") scripts.add(imported);
      else if (target !== undefined) seen.add(imported);
    }
  }
  return [...scripts];
}
