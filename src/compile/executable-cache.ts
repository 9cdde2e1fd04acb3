/**
 * Worker executables on disk, shared by all servers of a user. Each lies in a folder that is named after all that it was
 * made from; it is complete under another name before it gets that one.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../version.ts";
import type { AgentSources } from "./agent-sources.ts";

export interface Manifest {
  /** Bytes of the executable. */
  bytes: number;
  /** The packages in it. */
  packages: string[];
  /** How long it took to make. */
  buildMs: number;
}

export type CacheEntry = ({ executable: string } & Manifest) | { refused: string };

const prefix = "executable-";
/** Each entry is more than a hundred megabytes. */
const maxEntries = 8;
/** What has been used since then is kept, however many there are: a server may be starting workers from it. */
const keepMs = 24 * 3_600_000;
const lockfiles = [
  "bun.lock",
  "bun.lockb",
  "package-lock.json",
  "npm-shrinkwrap.json",
  "pnpm-lock.yaml",
  "yarn.lock",
];
/** Our own code that is part of every executable, in a checkout as it is at the moment. */
const ownFolders = ["agent", "compile", "protocol", "worker"];

/** The name of the executable that is made of these packages, with this runtime, by this version of motus. */
export function executableKey({ files, packages }: Pick<AgentSources, "files" | "packages">): string {
  const parts = [
    version,
    Bun.revision,
    process.platform,
    process.arch,
    ownCode(),
    lockfileOf(files[0] ?? ""),
  ];
  for (const [name, file] of packages) parts.push(name, file, manifestOf(name, file));
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 24);
}

/** What is known of a key: the executable, or why there is none; undefined when nothing is known. */
export function findExecutable(cacheFolder: string, key: string): CacheEntry | undefined {
  const folder = join(cacheFolder, prefix + key);
  try {
    const entry = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8")) as
      | Manifest
      | { refused: string };
    if ("refused" in entry) return entry;
    const executable = join(folder, "worker");
    if (statSync(executable).size === entry.bytes) return { ...entry, executable };
  } catch {
    // Not there, or damaged: it is made again.
  }
  return undefined;
}

/** An empty folder to build in. */
export async function createDraft(cacheFolder: string): Promise<string> {
  const draft = join(cacheFolder, `draft-${crypto.randomUUID()}`);
  await mkdir(draft, { recursive: true });
  return draft;
}

/** Gives a draft its name, and removes what has not been used for long. What another server has put there is used as it is. */
export async function publish(
  draft: string,
  key: string,
  manifest: Manifest | { refused: string },
): Promise<CacheEntry | undefined> {
  const cacheFolder = dirname(draft);
  const folder = join(cacheFolder, prefix + key);
  await Bun.write(join(draft, "manifest.json"), JSON.stringify(manifest));
  if (findExecutable(cacheFolder, key) === undefined) await rm(folder, { recursive: true, force: true });
  await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  await prune(cacheFolder, Date.now());
  return findExecutable(cacheFolder, key);
}

/** Says that an entry is in use, so that it is not removed. */
export async function touch(executable: string): Promise<void> {
  const now = new Date();
  await utimes(dirname(executable), now, now).catch(() => {});
}

/** Removes entries beyond the bound, those that were used longest ago first, and drafts that nobody finished. */
export async function prune(cacheFolder: string, now: number): Promise<void> {
  const entries = readdirSync(cacheFolder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && /^(?:executable|draft)-/.test(entry.name))
    .map(({ name }) => ({ name, usedAt: usedAt(join(cacheFolder, name)) }))
    .sort((a, b) => b.usedAt - a.usedAt);
  const kept = entries.filter(({ name }) => name.startsWith(prefix));
  const isExcess = (name: string) =>
    name.startsWith("draft-") || kept.findIndex((entry) => entry.name === name) >= maxEntries;
  for (const { name, usedAt } of entries) {
    if (now - usedAt > keepMs && isExcess(name))
      await rm(join(cacheFolder, name), { recursive: true, force: true }).catch(() => {});
  }
}

function usedAt(path: string): number {
  try {
    return statSync(path).mtimeMs;
  } catch {
    return 0; // Somebody else has just removed it.
  }
}

function ownCode(): string {
  const source = fileURLToPath(new URL("..", import.meta.url));
  const hasher = new Bun.CryptoHasher("sha256");
  for (const folder of ownFolders) {
    for (const name of readdirSync(join(source, folder), { recursive: true, encoding: "utf8" }).sort())
      if (name.endsWith(".ts")) hasher.update(readFileSync(join(source, folder, name)));
  }
  return hasher.digest("hex");
}

/** The lockfile that says which versions the program gets, from its folder upwards. */
function lockfileOf(file: string): string {
  for (let folder = dirname(file); ; folder = dirname(folder)) {
    for (const name of lockfiles) {
      const path = join(folder, name);
      if (existsSync(path)) return Bun.hash(readFileSync(path)).toString(36);
    }
    if (folder === dirname(folder)) return "";
  }
}

/** A package's own description of itself, with its version. */
function manifestOf(name: string, file: string): string {
  const packageName = name
    .split("/")
    .slice(0, name.startsWith("@") ? 2 : 1)
    .join("/");
  const folder = join("node_modules", packageName);
  const start = file.lastIndexOf(folder);
  try {
    return start === -1 ? "" : readFileSync(join(file.slice(0, start), folder, "package.json"), "utf8");
  } catch {
    return "";
  }
}
