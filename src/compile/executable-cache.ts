/**
 * Worker executables on disk, shared by all servers of a user. Each lies in a folder that is named after all that it was
 * made from; it is complete under another name before it gets that one.
 */
import { accessSync, constants, existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, rename, rm, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../version.ts";
import type { AgentSources } from "./agent-sources.ts";
import { type FileState, isUnchanged } from "./file-states.ts";
import { listedDependencies } from "./likely-imports.ts";

export interface Manifest {
  /** Bytes of the executable. */
  bytes: number;
  /** The packages in it. */
  packages: string[];
  /** How long it took to make. */
  buildMs: number;
  /** Of the executable's content. */
  hash: string;
}

export type CacheEntry = ({ executable: string } & Manifest) | { refused: string };

/** What the folder of an entry holds. */
export const executableName = "worker";
/** The states of all files that the executable was made of. */
export const filesName = "files.json";
const manifestName = "manifest.json";
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
    ...listedDependencies(files[0] ?? ""),
  ];
  for (const [name, file] of [...packages].sort()) parts.push(name, file, manifestOf(name, file));
  return new Bun.CryptoHasher("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 24);
}

/**
 * What is known of a key: the executable, or why there is none; undefined when nothing is known, or it is no longer true.
 *
 * @param ownFiles The user's files: they are part of no executable.
 */
export function findExecutable(
  cacheFolder: string,
  key: string,
  ownFiles: readonly string[] = [],
): CacheEntry | undefined {
  const folder = join(cacheFolder, prefix + key);
  try {
    const entry: Manifest | { refused: string } = JSON.parse(
      readFileSync(join(folder, manifestName), "utf8"),
    );
    // The reason may have been one of that day.
    if ("refused" in entry) return Date.now() - usedAt(folder) < keepMs ? entry : undefined;
    const executable = join(folder, executableName);
    accessSync(executable, constants.X_OK);
    const states: FileState[] = JSON.parse(readFileSync(join(folder, filesName), "utf8"));
    const isCurrent = states.every((state) => isUnchanged(state) && !ownFiles.includes(state[0]));
    if (isCurrent && statSync(executable).size === entry.bytes) return { ...entry, executable };
  } catch {
    // Not there, or damaged: it is made again.
  }
  return undefined;
}

/** Whether an executable has another content than it was made with. */
export async function isDamaged(cacheFolder: string, key: string): Promise<boolean> {
  const entry = findExecutable(cacheFolder, key);
  if (entry === undefined || "refused" in entry) return true;
  return (await hashOfExecutable(entry.executable)) !== entry.hash;
}

/** Piece by piece, because a server does it beside its work. */
export async function hashOfExecutable(executable: string): Promise<string> {
  const hasher = new Bun.CryptoHasher("blake2b256");
  for await (const piece of Bun.file(executable).stream()) hasher.update(piece);
  return hasher.digest("hex");
}

/** Forgets a key. */
export async function forget(cacheFolder: string, key: string): Promise<void> {
  await rm(join(cacheFolder, prefix + key), { recursive: true, force: true });
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
  await Bun.write(join(draft, manifestName), JSON.stringify(manifest));
  try {
    await rename(draft, folder);
  } catch {
    // Something is there already. Removed in place, it could be what another server has put there a moment ago.
    if (findExecutable(cacheFolder, key) === undefined) await takeAside(folder, `${draft}-old`);
    await rename(draft, folder).catch(() => rm(draft, { recursive: true, force: true }));
  }
  await prune(cacheFolder, Date.now());
  return findExecutable(cacheFolder, key);
}

async function takeAside(folder: string, place: string): Promise<void> {
  await rename(folder, place).catch(() => {});
  await rm(place, { recursive: true, force: true });
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
