/** How the runtime finds files. */
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Where the code of this package is. */
export const ownFolder = fileURLToPath(new URL("..", import.meta.url));

/** Where the package of a file is installed; empty for what is in no `node_modules`. */
export function packageFolder(file: string): string {
  return /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(file)?.[0] ?? "";
}

/** The file that a name stands for, as the runtime finds it: `require()` and `import` may find different ones. */
export function findFile(name: string, importer: string, kind: Bun.ImportKind): string | undefined {
  try {
    if (kind === "require-call") return createRequire(importer).resolve(name);
    return Bun.resolveSync(name, dirname(importer));
  } catch {
    return undefined;
  }
}
