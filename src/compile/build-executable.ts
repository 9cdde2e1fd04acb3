/**
 * Builds one executable of the worker's runtime and the agent's packages, all as bytecode. The user's own files are not in
 * it: the executable loads them as they are, and gives them the packages under their own names.
 *
 *     bun --conditions=motus-worker src/compile/build-executable.ts      (a BuildOrder as JSON on stdin, a BuildResult on stdout)
 *
 * It runs in a process of its own, because it takes seconds of CPU and imports the packages to see what they export.
 */
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { type ExportKinds, exportKinds, renamedFunctions } from "./export-kinds.ts";
import { computedImports, importHook } from "./packages-runtime.ts";
import { executableProgram } from "./worker-program.ts";

export interface BuildOrder {
  /** What the agent's program imports from packages: the name, and the file that it stands for. */
  packages: [name: string, file: string][];
  /** An empty folder to build in. */
  folder: string;
}

export type BuildResult =
  | { executable: string; bytes: number; bundledFiles: number }
  /** Why the packages cannot be compiled; it would be so again. */
  | { refused: string };

/** How often a build is tried again without a package that is not installed. */
const maxBuilds = 8;

if (import.meta.main) {
  const order = (await Bun.stdin.json()) as BuildOrder;
  // Packages may write what they like while they are imported; the last line is ours.
  console.log(`\n${JSON.stringify(await build(order))}`);
  process.exit(0);
}

async function build({ packages, folder }: BuildOrder): Promise<BuildResult> {
  const kinds = new Map<string, ExportKinds>();
  const renamed = new Map<string, Record<string, string>>();
  for (const [name, file] of packages) {
    try {
      const exports = await import(file);
      kinds.set(name, exportKinds(exports));
      renamed.set(name, renamedFunctions(exports));
    } catch (error) {
      return { refused: `${name} cannot be imported by itself: ${messageOf(error)}` };
    }
  }
  await writeEntry(packages, { kinds, renamed }, folder);
  const executable = join(folder, "worker");
  const built = await bundle(join(folder, "entry.mjs"), executable);
  if ("refused" in built) return built;
  const refused = await tryImports(executable, kinds);
  if (refused !== undefined) return { refused };
  return { executable, bytes: Bun.file(executable).size, bundledFiles: built.bundledFiles };
}

/**
 * A module for each package, loaded when it is first asked for; and for each the text of the module that the user's files
 * get for it, which is evaluated in its place and order among them.
 */
async function writeEntry(
  packages: BuildOrder["packages"],
  { kinds, renamed }: { kinds: ReadonlyMap<string, ExportKinds>; renamed: ReadonlyMap<string, object> },
  folder: string,
): Promise<void> {
  const source = (path: string) => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)));
  const lines = [
    `import { offerPackage } from ${source("packages-runtime.ts")};`,
    `import { beWorker } from ${source("be-worker.ts")};`,
  ];
  for (const [index, [name, file]] of packages.entries()) {
    const names = Object.keys(kinds.get(name) ?? {});
    const defaults = names.includes("default") ? `export { default } from ${JSON.stringify(file)};\n` : "";
    await Bun.write(
      join(folder, `package-${index}.mjs`),
      `export * from ${JSON.stringify(file)};\n${defaults}`,
    );
    lines.push(
      `offerPackage(${[name, names, renamed.get(name) ?? {}].map((value) => JSON.stringify(value)).join(", ")}, ` +
        `() => require("./package-${index}.mjs"));`,
    );
  }
  lines.push(`beWorker(() => require(${source("../worker/main.ts")}));`);
  await Bun.write(join(folder, "entry.mjs"), lines.join("\n"));
}

async function bundle(
  entry: string,
  outfile: string,
): Promise<{ bundledFiles: number } | { refused: string }> {
  const external: string[] = [];
  for (let attempt = 0; attempt < maxBuilds; attempt++) {
    const built = await Bun.build({
      entrypoints: [entry],
      target: "bun",
      format: "cjs",
      bytecode: true,
      sourcemap: "linked",
      conditions: ["motus-worker"],
      external,
      metafile: true,
      throw: false,
      // Bun writes these as they are into a file that is no module, where they are syntax errors.
      define: {
        "import.meta.filename": "__filename",
        "import.meta.env": "process.env",
        "import.meta.require": "require",
        "process.env.NODE_ENV": "process.env.NODE_ENV",
      },
      plugins: [{ name: "computed imports", setup: (builder) => void redirectComputedImports(builder) }],
      compile: {
        outfile,
        autoloadTsconfig: true,
        autoloadPackageJson: true,
        autoloadDotenv: false,
        execArgv: ["--no-install", "--conditions=motus-worker"],
      },
    });
    if (built.success) return checkInputs(Object.keys(built.metafile?.inputs ?? {}), external);
    const reasons = built.logs.map(({ message }) => message);
    const missing = reasons.map((reason) => /Could not resolve: "([^"]+)"/.exec(reason)?.[1]);
    // What is not installed is an optional part of a package, and is as missing when it runs from source.
    if (missing.includes(undefined)) return { refused: `the bundler says: ${reasons[0] ?? "nothing"}` };
    external.push(...missing.filter((name) => name !== undefined));
  }
  return { refused: `more than ${maxBuilds} of its optional packages are missing` };
}

/** A name that is computed in a package is looked up from that package, and not from the executable. */
function redirectComputedImports(builder: Bun.PluginBuilder): void {
  builder.onLoad({ filter: /[\\/]node_modules[\\/].*\.[cm]?js$/ }, async ({ path, loader }) => {
    const text = await Bun.file(path).text();
    if (!computedImports.test(text)) return undefined;
    const contents = text.replaceAll(
      new RegExp(computedImports, "g"),
      `globalThis[Symbol.for("${importHook}")](${JSON.stringify(path)})(`,
    );
    return { contents, loader };
  });
}

function checkInputs(
  inputs: readonly string[],
  external: readonly string[],
): { bundledFiles: number } | { refused: string } {
  const addon = inputs.find((path) => path.endsWith(".node"));
  if (addon !== undefined) return { refused: `${addon} is a native addon` };
  const twice = external.find((name) =>
    inputs.some((path) => path.includes(`node_modules${sep}${name}${sep}`)),
  );
  if (twice !== undefined) return { refused: `${twice} would be there twice` };
  return { bundledFiles: inputs.length };
}

/** Imports everything once from the executable, and compares what it exports with what it exports from source. */
async function tryImports(
  executable: string,
  kinds: ReadonlyMap<string, ExportKinds>,
): Promise<string | undefined> {
  const child = Bun.spawn([executable, "--motus-trial"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...executableProgram(executable).environment },
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0)
    return `its packages do not load when they are compiled: ${lastLine(error)}`;
  const compiled = JSON.parse(lastLine(out)) as Record<string, ExportKinds>;
  for (const [name, wanted] of kinds) {
    const found = compiled[name] ?? {};
    const different = new Set([...Object.keys(wanted), ...Object.keys(found)]);
    for (const key of different)
      if (wanted[key] !== found[key])
        return `"${key}" of ${name} is ${found[key] ?? "missing"} when compiled, and ${wanted[key] ?? "missing"} from source`;
  }
  return undefined;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
