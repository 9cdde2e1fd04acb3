/**
 * What a sandbox makes of the file system: all of it is there to be read, except for folders that are empty and private, and
 * of those what the agent consists of.
 */
import { existsSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve, sep } from "node:path";
import { MotusError } from "../../errors.ts";
import type { SandboxOrder } from "./sandbox.ts";

/**
 * Homes have keys in them, `/run` has sockets of services that do what they are told, and temporary folders have what other
 * programs have left.
 */
const privateFolders = ["/home", "/root", "/run", "/tmp", "/var/tmp"];
/** Where the names of hosts are looked up; on some machines that is a link into `/run`. */
const resolverSettings = "/etc/resolv.conf";
const rootFiles = ["bun.lock", "bun.lockb", "package-lock.json", "pnpm-lock.yaml", "yarn.lock", ".git"];

/**
 * bwrap's options for it.
 *
 * @throws {MotusError} `option_invalid` when a folder of the program is itself one of those that are hidden.
 */
export function sandboxMounts(order: SandboxOrder, temporaryBytes: number): string[] {
  const { folder, program, shown, writable } = order;
  const hidden = hiddenFolders();
  for (const path of [folder, ...program]) if (hidden.includes(realPath(path))) throw inHiddenFolder(path);
  const within = (path: string) => hidden.some((root) => isWithin(path, root));
  const binds = new Map<string, { option: string; source: string }>();
  for (const path of [folder, ...program, ...shown, resolverSettings]) {
    const source = realPath(path);
    // The name that somebody uses for it may be a link that is hidden.
    for (const name of new Set([source, resolve(path)]))
      if (within(name)) binds.set(name, { option: "--ro-bind-try", source });
  }
  for (const path of writable) binds.set(realPath(path), { option: "--bind", source: realPath(path) });
  return [
    ...hidden.flatMap((root) => ["--perms", "1777", "--size", String(temporaryBytes), "--tmpfs", root]),
    ...(within(realPath(homedir())) ? ["--dir", realPath(homedir())] : []),
    // A folder before what is in it.
    ...[...binds]
      .sort(([one], [other]) => one.length - other.length)
      .flatMap(([name, { option, source }]) => [option, source, name]),
  ];
}

/** The folder that a file or folder belongs to, with the packages of its program; itself where that is shown anyway. */
export function programFolder(path: string): string {
  const hidden = hiddenFolders();
  const start = realPath(path);
  const root = hidden.find((one) => isWithin(start, one));
  if (root === undefined) return start;
  const above: string[] = [];
  for (let folder = start; folder !== root && folder !== dirname(folder); folder = dirname(folder))
    above.push(folder);
  const having = (names: readonly string[]) =>
    above.find((folder) => names.some((name) => existsSync(join(folder, name))));
  const own = above.find((folder) => statSync(folder).isDirectory()) ?? start;
  return having(rootFiles) ?? having(["package.json"]) ?? own;
}

/** Those that are there, without those that are in another one. */
function hiddenFolders(): string[] {
  const found = [...privateFolders, homedir()].filter((path) => existsSync(path)).map(realPath);
  const folders = [...new Set(found)].filter((path) => path !== sep);
  return folders.filter((path) => !folders.some((other) => other !== path && isWithin(path, other)));
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/** Where a path leads, as far as it is there. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}

function inHiddenFolder(folder: string): MotusError {
  return new MotusError(
    "option_invalid",
    `Cannot run turns in a sandbox with what they need in ${folder}: all that it holds is hidden from them; use a folder below it`,
  );
}
