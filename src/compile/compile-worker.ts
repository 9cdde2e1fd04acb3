/**
 * The worker runtime as one file with bytecode: a third of what its start costs otherwise goes into finding,
 * reading and parsing a dozen small files. The agent and all that it imports stay as they are.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../version.ts";

/** Where the worker runtime starts, as source. */
export const workerSource = fileURLToPath(new URL("../worker/main.ts", import.meta.url));

/**
 * Compiles the worker runtime into a cache that servers share, and returns the file to start.
 *
 * @param cacheFolder Where compiled files are kept.
 * @throws what the bundler or the file system says; then workers are started from source.
 */
export async function compileWorker(cacheFolder: string): Promise<string> {
  const built = await Bun.build({
    entrypoints: [workerSource],
    target: "bun",
    format: "cjs",
    bytecode: true,
    minify: { whitespace: true, syntax: true },
  });
  const [code, bytecode] = built.outputs;
  if (code === undefined || bytecode?.kind !== "bytecode") throw new Error("the bundler wrote no bytecode");
  // Bytecode belongs to one build of the runtime, and the paths in the code to one place of this package.
  const key = Bun.hash(await code.text(), Bun.hash(`${version} ${Bun.revision}`)).toString(36);
  const folder = join(cacheFolder, `worker-${key}`);
  const entry = join(folder, "main.js");
  const isWhole = () => Bun.file(entry).size === code.size && Bun.file(`${entry}.jsc`).size === bytecode.size;
  if (isWhole()) return entry;

  // Complete under a name of its own first: another server may do the same at this moment.
  const draft = `${folder}.${crypto.randomUUID()}`;
  await mkdir(draft, { recursive: true });
  try {
    await Bun.write(join(draft, "main.js.jsc"), bytecode);
    await Bun.write(join(draft, "main.js"), code);
    await rm(folder, { recursive: true, force: true });
    await rename(draft, folder);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!isWhole()) throw error;
  }
  return entry;
}

/** The user's folder for what can be made again: `$XDG_CACHE_HOME` or `~/.cache`, and `motus` in it. */
export function defaultCacheFolder(environment: Record<string, string | undefined>): string {
  return join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "motus");
}
