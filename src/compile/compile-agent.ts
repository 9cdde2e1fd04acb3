/** From an agent's import path to the executable that its workers start with, or to the reason why there is none. */
import { rm } from "node:fs/promises";
import { setPriority } from "node:os";
import { fileURLToPath } from "node:url";
import { sdkImports } from "../agent/sdks.ts";
import { type AgentSources, entryOf, readAgentSources } from "./agent-sources.ts";
import type { BuildOrder, BuildResult } from "./build-executable.ts";
import { compilerSettings } from "./compiler-settings.ts";
import {
  type CacheEntry,
  createDraft,
  executableKey,
  findExecutable,
  forget,
  isDamaged,
  publish,
  touch,
} from "./executable-cache.ts";
import { loadingSettings } from "./loading-settings.ts";
import { messageOf } from "./message-of.ts";

export interface CompileOrder {
  /** Where the agent is, as `motus serve start` takes it. */
  importPath: string;
  /** The folder that import paths start from. */
  folder: string;
  cacheFolder: string;
  /** The environment of workers: packages may look at it when they are imported. */
  environment: Record<string, string | undefined>;
  /** Makes of a command one that runs it in a sandbox, where it can write one folder; without it there is none. */
  wrap?: (command: readonly string[], writable: string) => string[];
}

export type Compilation = CacheEntry & { key: string };

const builder = fileURLToPath(new URL("./build-executable.ts", import.meta.url));
const workerApi = fileURLToPath(new URL("../worker/api.ts", import.meta.url));
/** A build that takes longer hangs: packages are imported in it. */
const maxBuildMs = 180_000;

/** What an agent's program consists of. @throws {MotusError} `agent_not_found`. */
export function sourcesOf({ importPath, folder, environment }: CompileOrder): AgentSources {
  const sources = readAgentSources(entryOf(importPath, folder), compilerSettings(folder));
  const names = [...sources.packages.keys()];
  for (const name of sdkImports(names)) {
    try {
      if (!sources.packages.has(name)) sources.packages.set(name, Bun.resolveSync(name, folderOf(sources)));
    } catch {
      // The adapter finds it by another way, or says that it is not installed.
    }
  }
  // In workers it is the agent's side alone.
  if (sources.packages.has("motus-serve")) sources.packages.set("motus-serve", workerApi);
  sources.obstacles.push(...loadingSettings(folder, environment));
  return sources;
}

/** What is there already; undefined when it has to be compiled. */
export function findCompiled(order: CompileOrder, sources = sourcesOf(order)): Compilation | undefined {
  const [obstacle] = sources.obstacles;
  if (obstacle !== undefined) return { refused: obstacle, key: "" };
  const key = executableKey(sources);
  const entry = findExecutable(order.cacheFolder, key, sources.files);
  if (entry === undefined) return undefined;
  if ("executable" in entry) void touch(entry.executable);
  return { ...entry, key };
}

/**
 * Compiles an agent's packages, unless that was done before. It takes seconds of CPU, in a process of its own that gives
 * way to others.
 *
 * @throws {MotusError} `agent_not_found`; else what the file system says.
 */
export async function compileAgent(order: CompileOrder, signal?: AbortSignal): Promise<Compilation> {
  const sources = sourcesOf(order);
  const found = findCompiled(order, sources);
  if (found !== undefined) return found;
  const key = executableKey(sources);
  const startedAt = performance.now();
  const draft = await createDraft(order.cacheFolder);
  try {
    const result = await build(
      { packages: [...sources.packages], ownFiles: sources.files, folder: draft },
      order,
      signal,
    );
    const buildMs = Math.round(performance.now() - startedAt);
    const packages = [...sources.packages.keys()];
    const manifest =
      "refused" in result ? result : { bytes: result.bytes, hash: result.hash, packages, buildMs };
    const entry = await publish(draft, key, manifest);
    return { ...(entry ?? { refused: "the cache does not keep it" }), key };
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/**
 * Remembers that an executable does not load the agent as its source does.
 *
 * @returns whether it is so; an executable that was damaged is forgotten, and may be made again.
 */
export async function refuse({ cacheFolder }: CompileOrder, key: string, why: string): Promise<boolean> {
  const isRefused = !(await isDamaged(cacheFolder, key));
  await forget(cacheFolder, key);
  if (isRefused) await publish(await createDraft(cacheFolder), key, { refused: why });
  return isRefused;
}

/** The sentence to remember. */
export function whyNotLoaded(error: unknown): string {
  return `the agent does not load when its packages are compiled: ${messageOf(error)}`;
}

async function build(
  order: BuildOrder,
  { folder, environment, wrap }: CompileOrder,
  signal?: AbortSignal,
): Promise<BuildResult> {
  const command = [process.execPath, "--no-install", "--conditions=motus-worker", builder];
  const child = Bun.spawn(wrap?.(command, order.folder) ?? command, {
    cwd: folder,
    env: { ...environment, BUN_FEATURE_FLAG_NO_ORPHANS: "1" },
    stdin: new Blob([JSON.stringify(order)]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: maxBuildMs,
    killSignal: "SIGKILL",
    ...(signal !== undefined && { signal }),
  });
  giveWay(child.pid);
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const exitCode = await child.exited;
  try {
    return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as BuildResult;
  } catch {
    const said = error.trimEnd().split("\n").at(-1) ?? "";
    const end = `the build ended with ${child.signalCode ?? `exit code ${exitCode}`}`;
    throw new Error(said === "" ? end : `${end}: ${said}`);
  }
}

/** Turns go first, where there is a choice. */
function giveWay(pid: number): void {
  try {
    setPriority(pid, 10);
  } catch {
    // It has ended, or this is not allowed.
  }
}

function folderOf({ files }: AgentSources): string {
  return files[0]?.replace(/[^/\\]*$/, "") ?? ".";
}
