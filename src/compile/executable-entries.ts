/** The code that an executable starts with: what is in it, and how each file is evaluated. */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { linkedModules, scriptsOf } from "./linked-files.ts";
import type { PackageFile } from "./survey-packages.ts";

interface EntryOrder {
  files: ReadonlyMap<string, PackageFile>;
  /** The files that the user's files and the adapters import, and what they export. */
  names: ReadonlyMap<string, readonly string[]>;
  /** Those that ask the runtime for something. */
  asking: readonly string[];
  workerSource: string;
  folder: string;
}

/** Writes the first file of the strict bundle, which starts, and that of the sloppy one, which it loads. */
export async function writeEntries({
  files,
  names,
  asking,
  workerSource,
  folder,
}: EntryOrder): Promise<string[]> {
  const source = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const load = (file: string) => `() => require(${JSON.stringify(file)})`;
  const scripts = [...files].filter(([, { kind }]) => kind === "script");
  const sloppy = scripts.filter(([, { isStrict }]) => !isStrict).map(([file]) => file);
  const places = new Map(scripts.map(([file], index) => [file, index]));
  const scriptList = scripts.map(([file, { isStrict }]) => {
    const how = isStrict ? load(file) : `() => sloppy(${sloppy.indexOf(file)})`;
    return `[${JSON.stringify(file)}, ${how}]`;
  });
  const moduleList = linkedModules(files, [...names.keys()]).map((file) => {
    const early = scriptsOf(file, files).map((script) => places.get(script));
    return `[${JSON.stringify(file)}, ${load(file)}, ${JSON.stringify(names.get(file) ?? null)}, ${JSON.stringify(early)}]`;
  });
  const [main, other] = [join(folder, "entry.cjs"), join(folder, "sloppy.cjs")];
  await Bun.write(
    main,
    [
      `"use strict";`,
      `const { beWorker } = require(${source("be-worker.ts")});`,
      `const { offerFiles } = require(${source("compiled-files.ts")});`,
      `const sloppyBundle = Bun.main.replace(/[^\\\\/]*$/, "sloppy.js");`,
      `const sloppy = (index) => require(sloppyBundle)[index]();`,
      `const scripts = [${scriptList.join(",\n")}];`,
      `const modules = [${moduleList.join(",\n")}];`,
      `const asking = ${JSON.stringify(asking.map((file) => [file, requirerOf(file, files)]))};`,
      `beWorker((onStray) => offerFiles({ scripts, modules, asking }, onStray), () => require(${JSON.stringify(workerSource)}));`,
    ].join("\n"),
  );
  await Bun.write(other, `module.exports = [${sloppy.map(load).join(",\n")}];`);
  return [main, other];
}

/** The script by which another one was probably asked for first. */
function requirerOf(file: string, files: ReadonlyMap<string, PackageFile>): string | undefined {
  return [...files].find(([, { imports }]) =>
    imports.some((one) => one.kind === "require-call" && one.file === file),
  )?.[0];
}
