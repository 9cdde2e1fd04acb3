/**
 * Packages that no import names, and that a package may load by a name that it computes: a model's provider, a database's
 * driver. Loaded from its files, such a package would bring its own copies of what is in the executable.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { computesNames } from "./adapt-source.ts";
import { findFile, ownFolder, packageFolder } from "./find-file.ts";
import type { PackageSurvey } from "./survey-packages.ts";

/** What the program's own package.json lists, and is made for a package that is compiled. */
export function likelyImports(program: string, { files }: PackageSurvey): [name: string, file: string][] {
  const isForeign = (file: string) => !file.startsWith(ownFolder);
  if (![...files].some(([file, { text }]) => isForeign(file) && computesNames(text))) return [];
  const folders = new Set([...files.keys()].map(packageFolder).filter((folder) => folder !== ""));
  const likely: [string, string][] = [];
  for (const name of listedDependencies(program)) {
    const file = findFile(name, program, "import-statement");
    if (file === undefined || files.has(file) || packageFolder(file) === "") continue;
    const hosts = Object.keys(readManifest(packageFolder(file)).peerDependencies ?? {});
    if (hosts.some((host) => folders.has(packageFolder(findFile(host, file, "import-statement") ?? ""))))
      likely.push([name, file]);
  }
  return likely;
}

/** The names of the packages that the program's own package.json says it needs. */
export function listedDependencies(program: string): string[] {
  const { dependencies, optionalDependencies } = manifestAbove(dirname(program));
  return Object.keys({ ...dependencies, ...optionalDependencies });
}

interface Manifest {
  dependencies?: object;
  optionalDependencies?: object;
  peerDependencies?: object;
}

function manifestAbove(folder: string): Manifest {
  const manifest = readManifest(folder);
  const isLast = folder === dirname(folder) || Object.keys(manifest).length > 0;
  return isLast ? manifest : manifestAbove(dirname(folder));
}

function readManifest(folder: string): Manifest {
  try {
    return JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
  } catch {
    return {}; // There is none.
  }
}
