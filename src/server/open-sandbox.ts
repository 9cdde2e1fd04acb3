/** `--sandbox` and what belongs to it → what workers are kept in. */
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { entryOf } from "../compile/agent-sources.ts";
import { messageOf } from "../compile/message-of.ts";
import { Sandbox } from "../pool/sandbox/sandbox.ts";
import { programFolder } from "../pool/sandbox/sandbox-mounts.ts";
import { type ResolvedOptions, sqliteStore } from "./options.ts";

const motusFolder = fileURLToPath(new URL("../..", import.meta.url));
/** What SQLite keeps beside a file, and what we do. */
const storeSuffixes = ["", "-wal", "-shm", "-journal", "-lock"];

/**
 * Undefined when there is to be none.
 *
 * @throws {MotusError} `sandbox_unavailable`; `option_invalid` when the agent is where a sandbox hides everything.
 */
export function openSandbox(
  importPath: string,
  options: ResolvedOptions,
  environment: Record<string, string>,
): Sandbox | undefined {
  if (!options.sandbox) return undefined;
  const { folder, cacheDir, store, tokenFile } = options;
  const programs = [folder, ...entryOfAgent(importPath, folder), motusFolder].map(programFolder);
  const order = {
    folder,
    program: [...programs, process.execPath, cacheDir],
    shown: options.sandboxRead,
    writable: options.sandboxWrite,
    secrets: [...filesOfStore(store), ...(tokenFile === null ? [] : [tokenFile])],
    settings: [...new Set([folder, process.cwd()])],
    network: !options.sandboxNoNetwork,
  };
  return Sandbox.create(order, environment);
}

/** None when it is not there, which its first worker says better. */
function entryOfAgent(importPath: string, folder: string): string[] {
  try {
    return [entryOf(importPath, folder)];
  } catch {
    return [];
  }
}

function filesOfStore(store: string): string[] {
  if (!store.startsWith(sqliteStore)) return [];
  const path = resolve(store.slice(sqliteStore.length));
  const folder = dirname(path);
  const file = existsSync(path)
    ? realpathSync(path)
    : join(existsSync(folder) ? realpathSync(folder) : folder, basename(path));
  return storeSuffixes.map((suffix) => file + suffix);
}

/** Why there can be no sandbox on this machine; undefined when there can. */
export function sandboxProblem(environment: Record<string, string>): string | undefined {
  const nothing = { shown: [], writable: [], secrets: [], settings: [], network: true };
  try {
    Sandbox.create({ folder: "/", program: [process.execPath], ...nothing }, environment);
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
