/**
 * Puts the worker's runtime and all files of packages into one executable. It holds two bundles, because strict code and
 * sloppy code (scripts that do not say that they are strict) behave differently in a bundle of the other kind.
 */
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { adaptSource } from "./adapt-source.ts";
import { writeEntries } from "./executable-entries.ts";
import { ownFolder } from "./find-file.ts";
import { asksAsNode, packagesPlugin } from "./packages-plugin.ts";
import {
  bundling,
  complaint,
  type PackageFile,
  type PackageImport,
  type PackageSurvey,
} from "./survey-packages.ts";
import { executableArguments, workerArguments } from "./worker-arguments.ts";

export interface BundleOrder {
  survey: PackageSurvey;
  /** The files that the user's files and the adapters import, and what they export. */
  names: ReadonlyMap<string, readonly string[]>;
  /** What a worker runs. */
  workerSource: string;
  /** An empty folder, in which nothing but the executable is left. */
  folder: string;
  executable: string;
}

/** @returns why it cannot be done. */
export async function bundlePackages(order: BundleOrder): Promise<string | undefined> {
  const { folder, executable } = order;
  const files = withAskedImports(order.survey.files);
  const { adapted, asking } = adaptAll(files, order.survey.renamed);
  const built = await Bun.build({
    ...bundling,
    entrypoints: await writeEntries({ ...order, files: order.survey.files, asking }),
    bytecode: true,
    sourcemap: "linked",
    plugins: [packagesPlugin(files, adapted)],
    compile: {
      outfile: executable,
      autoloadTsconfig: true,
      autoloadPackageJson: true,
      autoloadBunfig: true,
      autoloadDotenv: false,
      execArgv: [...workerArguments, ...executableArguments],
    },
  });
  // The maps are part of the executable.
  for (const name of await readdir(folder))
    if (name !== basename(executable)) await rm(join(folder, name), { recursive: true });
  return built.success ? undefined : complaint(built.logs);
}

/** A bundle cannot import a module of the other one as a module; the runtime can. */
function withAskedImports(files: PackageSurvey["files"]): Map<string, PackageFile> {
  const crosses = (from: PackageFile, { kind, file }: PackageImport) =>
    kind === "dynamic-import" && file !== undefined && files.get(file)?.isStrict === !from.isStrict;
  const changed = [...files].map(([file, description]): [string, PackageFile] => {
    const imports = description.imports.map((found) =>
      crosses(description, found) ? { ...found, file: undefined } : found,
    );
    return [file, { ...description, imports }];
  });
  return new Map(changed);
}

interface AdaptedFiles {
  /** The code of those that had to be changed. */
  adapted: Map<string, string>;
  /** Those that ask the runtime for something. */
  asking: string[];
}

function adaptAll(files: ReadonlyMap<string, PackageFile>, renamed: ReadonlySet<string>): AdaptedFiles {
  const adapted = new Map<string, string>();
  const asking: string[] = [];
  for (const [file, description] of files) {
    const index = () => (asking.at(-1) === file ? asking.length : asking.push(file)) - 1;
    const isMarked = asksAsNode(file, description, files);
    const isOurs = file.startsWith(ownFolder);
    const code = adaptSource(file, description, { index, renamed, isMarked, isOurs });
    if (code !== undefined) adapted.set(file, code);
  }
  return { adapted, asking };
}
