/**
 * Builds one executable of the worker's runtime and the agent's packages, all as bytecode. The user's own files are not in
 * it: the executable loads them as they are.
 *
 *     bun --conditions=motus-worker src/compile/build-executable.ts      (a BuildOrder as JSON on stdin, a BuildResult on stdout)
 *
 * It runs in a process of its own, because it takes seconds of CPU and imports the packages to see what they export.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundlePackages } from "./bundle-packages.ts";
import { executableName, filesName, hashOfExecutable } from "./executable-cache.ts";
import { type ExportKinds, exportKinds } from "./export-kinds.ts";
import { stateOf } from "./file-states.ts";
import { likelyImports } from "./likely-imports.ts";
import { messageOf } from "./message-of.ts";
import { movingExport } from "./moving-exports.ts";
import { type PackageSurvey, surveyPackages } from "./survey-packages.ts";
import { tryExecutable } from "./try-executable.ts";

export interface BuildOrder {
  /** What the agent's program imports from packages: the name, and the file that it stands for. */
  packages: [name: string, file: string][];
  /** The user's own files: what they are part of cannot be compiled. */
  ownFiles: string[];
  /** An empty folder to build in. */
  folder: string;
}

export type BuildResult =
  | { executable: string; bytes: number; hash: string; bundledFiles: number }
  /** Why the packages cannot be compiled; it would be so again. */
  | { refused: string };

/** Our own files in the executable. */
const [workerSource, ...startFiles] = ["../worker/main.ts", "./be-worker.ts", "./compiled-files.ts"].map(
  (path) => fileURLToPath(new URL(path, import.meta.url)),
) as [string, ...string[]];

if (import.meta.main) {
  const order = (await Bun.stdin.json()) as BuildOrder;
  // Packages may write what they like while they are imported; the last line is ours.
  console.log(`\n${JSON.stringify(await build(order))}`);
  process.exit(0);
}

async function build({ packages, ownFiles, folder }: BuildOrder): Promise<BuildResult> {
  const wanted = new Map<string, ExportKinds>();
  for (const [name, file] of packages) {
    try {
      wanted.set(file, exportKinds(await import(file)));
    } catch (error) {
      return { refused: `${name} cannot be imported by itself: ${messageOf(error)}` };
    }
  }
  const survey = await surveyWith(wanted, ownFiles[0] ?? "", folder);
  if ("refused" in survey) return survey;
  const shared = ownFiles.find((file) => survey.files.has(file));
  if (shared !== undefined)
    return { refused: `a package imports ${shared}, which is one of the program's own files` };
  const names = new Map([...wanted].map(([file, kinds]) => [file, Object.keys(kinds)]));
  for (const [name, file] of packages) {
    const moving = movingExport(file, names.get(file) ?? [], survey);
    if (moving !== undefined) return { refused: `"${moving}" of ${name} may change after it was imported` };
  }
  const executable = join(folder, executableName);
  const refused =
    (await bundlePackages({ survey, names, workerSource, folder, executable })) ??
    (await tryExecutable(executable, packages, wanted));
  if (refused !== undefined) return { refused };
  const states = [...survey.files.keys(), ...survey.data].map(stateOf);
  await Bun.write(join(folder, filesName), JSON.stringify(states));
  const hash = await hashOfExecutable(executable);
  return { executable, bytes: Bun.file(executable).size, hash, bundledFiles: states.length };
}

/** Also takes up what the packages are likely to load besides, and adds what it exports. */
async function surveyWith(
  wanted: Map<string, ExportKinds>,
  program: string,
  folder: string,
): Promise<PackageSurvey | { refused: string }> {
  const survey = await surveyAll([...wanted.keys(), workerSource, ...startFiles], folder);
  if ("refused" in survey) return survey;
  const before = wanted.size;
  for (const [, file] of likelyImports(program, survey)) {
    try {
      wanted.set(file, exportKinds(await import(file)));
    } catch {
      // Whoever asks for it learns that it cannot be imported.
    }
  }
  if (wanted.size === before) return survey;
  return surveyAll([...wanted.keys(), workerSource, ...startFiles], folder);
}

async function surveyAll(
  files: readonly string[],
  folder: string,
): Promise<PackageSurvey | { refused: string }> {
  const entry = join(folder, "survey.cjs");
  const list = files.map((file) => `() => require(${JSON.stringify(file)})`);
  await Bun.write(entry, `module.exports = [${list.join(", ")}];`);
  return surveyPackages(entry);
}
