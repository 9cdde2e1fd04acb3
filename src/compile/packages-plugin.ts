/** Lets the bundler find what the runtime would find, and see the code of packages as it was adapted. */
import { loaderOf } from "./loaders.ts";
import type { PackageFile } from "./survey-packages.ts";

const otherMark = "?other";
const nodeMark = "?";
const unmarked = (path: string) => path.replace(/\?(?:other)?$/, "");

/**
 * In a namespace the bundler gives to modules what the runtime gives them of scripts, and not what Node.js would; but for
 * those whose names end like this.
 */
export function asksAsNode(
  file: string,
  { kind, imports }: PackageFile,
  files: ReadonlyMap<string, PackageFile>,
): boolean {
  if (kind !== "module" || !/\.m[jt]s$/.test(file)) return false;
  return imports.some((one) => one.file !== undefined && files.get(one.file)?.kind === "script");
}

/** @param adapted The code of those files that had to be changed. */
export function packagesPlugin(
  files: ReadonlyMap<string, PackageFile>,
  adapted: ReadonlyMap<string, string>,
): Bun.BunPlugin {
  const place = (file: string, isStrict = files.get(file)?.isStrict) => {
    const target = files.get(file);
    if (target === undefined) return { path: file };
    // The bundler tells files apart by their paths alone, whatever their namespaces.
    if (target.isStrict !== isStrict) return { path: file + otherMark, namespace: "other" };
    return { path: asksAsNode(file, target, files) ? file + nodeMark : file, namespace: "package" };
  };
  return {
    name: "packages",
    setup(builder) {
      builder.onResolve({ filter: /.*/ }, ({ path, importer: marked, kind }) => {
        const importer = unmarked(marked);
        const from = files.get(importer);
        if (from === undefined) return files.has(path) ? place(path) : undefined;
        const found = from.imports.find((one) => one.name === path && one.kind === kind);
        if (found === undefined) return undefined;
        if (found.isBuiltIn) return { path, external: true };
        if (found.file === undefined) return { path: `${importer}?${path}`, namespace: "missing" };
        return place(found.file, from.isStrict);
      });
      builder.onLoad({ filter: /.*/, namespace: "package" }, ({ path }) => ({
        contents: adapted.get(unmarked(path)) ?? files.get(unmarked(path))?.text ?? "",
        loader: loaderOf(unmarked(path)) ?? "js",
      }));
      builder.onLoad({ filter: /.*/, namespace: "other" }, ({ path }) =>
        script(`$motus.file(${JSON.stringify(unmarked(path))})`),
      );
      builder.onLoad({ filter: /.*/, namespace: "missing" }, ({ path }) => {
        const [importer, name] = path.split("?");
        return script(`$motus.missing(${JSON.stringify(name)}, ${JSON.stringify(importer)})`);
      });
    },
  };
}

function script(value: string): { contents: string; loader: "js" } {
  return { contents: `module.exports = ${value};`, loader: "js" };
}
