/** Whether files are as they were: by size and time, and where the time is another one by what is in them. */
import { readFileSync, statSync } from "node:fs";

export type FileState = [path: string, bytes: number, mtimeMs: number, hash: string];

/** @throws what the file system says. */
export function stateOf(path: string): FileState {
  const { size, mtimeMs } = statSync(path);
  return [path, size, mtimeMs, hashOf(path)];
}

export function isUnchanged([path, bytes, mtimeMs, hash]: FileState): boolean {
  try {
    const now = statSync(path);
    return now.size === bytes && (now.mtimeMs === mtimeMs || hashOf(path) === hash);
  } catch {
    return false;
  }
}

function hashOf(path: string): string {
  return Bun.hash(readFileSync(path)).toString(36);
}
