/**
 * What packages consist of: their files and what each of them imports, as the runtime would find it. The bundler says what
 * there is; nothing is run.
 */
import { isBuiltin } from "node:module";
import { extname, isAbsolute, resolve } from "node:path";
import { findFile } from "./find-file.ts";
import { loaderOf } from "./loaders.ts";
import { messageOf } from "./message-of.ts";

export interface PackageSurvey {
  files: Map<string, PackageFile>;
  /** Files that hold no code. */
  data: string[];
  /** What the bundler has given a number to, because something else has the same name. */
  renamed: Set<string>;
}

export interface PackageFile {
  text: string;
  /** A script (CommonJS) is evaluated when it is read; a module waits until all that is imported has been read. */
  kind: "script" | "module";
  /** Scripts are not, unless they say so. */
  isStrict: boolean;
  imports: PackageImport[];
}

export interface PackageImport {
  name: string;
  kind: Bun.ImportKind;
  /** Undefined for what the runtime has to find when it is asked for: it is not installed, or no code. */
  file: string | undefined;
  /** Whether the runtime has its own version of the package. */
  isBuiltIn: boolean;
}

/** How packages are bundled, whatever for. */
export const bundling = {
  target: "bun",
  format: "cjs",
  throw: false,
  metafile: true,
  env: "disable",
  // What it takes for code without an effect, because a package says so, has one from source.
  ignoreDCEAnnotations: true,
  // Bun writes these as they are into a file that is no module, where they are syntax errors; and it decides for us.
  define: {
    "import.meta.filename": "__filename",
    "import.meta.env": "process.env",
    "process.env.NODE_ENV": "process.env.NODE_ENV",
    "Bun.isStandaloneExecutable": "false",
  },
} as const satisfies Partial<Bun.BuildConfig>;

const data = /\.(?:json[c5]?|toml|ya?ml|txt)$/;
const kinds: readonly Bun.ImportKind[] = ["import-statement", "require-call", "dynamic-import"];

/** @param entry A file that imports the packages, and nothing else. */
export async function surveyPackages(entry: string): Promise<PackageSurvey | { refused: string }> {
  const imports = new Map<string, PackageImport[]>();
  let refused: string | undefined;
  const built = await Bun.build({
    ...bundling,
    entrypoints: [entry],
    plugins: [
      {
        name: "survey",
        setup(builder) {
          builder.onResolve({ filter: /.*/ }, ({ path: name, importer, kind }) => {
            if (!kinds.includes(kind) || isBuiltin(name) || importer === entry) return undefined;
            // The bundler knows conditions of package.json that the runtime does not, and the other way round.
            const found = findFile(name, importer, kind);
            const isBuiltIn = found !== undefined && !isAbsolute(found);
            const isOurs = found !== undefined && !isBuiltIn && extname(found) !== ".node";
            if (isOurs && loaderOf(found) === undefined && !data.test(found))
              refused ??= `${importer} imports ${found}, which cannot be part of an executable`;
            const file = isOurs ? found : undefined;
            const list = imports.get(importer) ?? [];
            imports.set(importer, list);
            list.push({ name, kind, file, isBuiltIn });
            return file === undefined ? { path: name, external: true } : { path: file };
          });
        },
      },
    ],
  });
  const [output] = built.outputs;
  if (refused !== undefined) return { refused };
  if (!built.success || output === undefined) return { refused: complaint(built.logs) };
  const files = new Map<string, PackageFile>();
  const others: string[] = [];
  for (const [path, { format }] of Object.entries(built.metafile?.inputs ?? {})) {
    const file = resolve(path);
    if (file === entry) continue;
    if (loaderOf(file) === undefined) {
      others.push(file);
      continue;
    }
    const text = await Bun.file(file).text();
    const kind = format === "cjs" ? "script" : "module";
    const isStrict = kind === "module" || saysStrict.test(text);
    files.set(file, { text, kind, isStrict, imports: imports.get(file) ?? [] });
  }
  return { files, data: others, renamed: renamedIn(await output.text(), files) };
}

/** What the bundler says, and where. */
export function complaint(logs: Bun.BuildOutput["logs"]): string {
  const [log] = logs;
  const place = log?.position?.file ?? "";
  return `the bundler says${place === "" ? "" : ` of ${place}`}: ${messageOf(log?.message ?? "nothing")}`;
}

const saysStrict = /^(?:#!.*\n)?(?:\s|\/\*[\s\S]*?\*\/|\/\/.*\n|"use \w+";?)*["']use strict["']/;

/** Names in the bundle that end in a number which they do not have in their file. */
function renamedIn(bundle: string, files: ReadonlyMap<string, PackageFile>): Set<string> {
  const renamed = new Set<string>();
  for (const section of bundle.split(/^\/\/ (?=\S)/m)) {
    const end = section.indexOf("\n");
    const file = files.get(resolve(section.slice(0, end)));
    if (file === undefined) continue;
    const names = new Set(file.text.match(/[A-Za-z_$][\w$]*/g));
    for (const [name] of section.slice(end).matchAll(/[A-Za-z_$][\w$]*\d\b/g)) {
      if (names.has(name)) continue;
      // A name that ends in digits has more of them.
      for (let before = name; /\d$/.test(before); ) {
        before = before.slice(0, -1);
        if (names.has(before)) renamed.add(before);
      }
    }
  }
  return renamed;
}
