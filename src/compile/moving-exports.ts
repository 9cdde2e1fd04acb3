/** Exports that may have another value later: whoever imports them sees it change, but not through an executable. */
import { printed } from "./loaders.ts";
import type { PackageFile, PackageSurvey } from "./survey-packages.ts";

/**
 * @param file The module that the user's files import.
 * @param names What it exports.
 * @returns one of them that some function assigns to, in the module or in one that it imports.
 */
export function movingExport(
  file: string,
  names: readonly string[],
  { files }: PackageSurvey,
): string | undefined {
  if (files.get(file)?.kind !== "module") return undefined;
  const exported = new Set(names);
  // A set takes more while it is gone through.
  const modules = new Set([file]);
  for (const path of modules) {
    const description = files.get(path);
    if (description === undefined) continue;
    const names = known.get(description) ?? movingNames(path, description.text);
    known.set(description, names);
    const moving = names.find((name) => exported.has(name));
    if (moving !== undefined) return moving;
    for (const { kind, file: imported } of description.imports)
      if (kind === "import-statement" && imported !== undefined && files.get(imported)?.kind === "module")
        modules.add(imported);
  }
  return undefined;
}

/** Of files that several packages import. */
const known = new WeakMap<PackageFile, string[]>();

const declaration = /^(export )?(?:let|var) ([\s\S]*?);$/gm;
const exportList = /^export \{([^}]*)\};?$/gm;

/** The names by which a module exports what one of its functions assigns to. */
function movingNames(file: string, text: string): string[] {
  if (!/\bexport\b/.test(text) || !/\b(?:let|var)\b/.test(text)) return [];
  const code = printed(file, text);
  const exported = new Map<string, string[]>();
  const note = (local: string, as: string) => exported.set(local, [...(exported.get(local) ?? []), as]);
  const variables = [...code.matchAll(declaration)].flatMap(([, isExported, list = ""]) => {
    const names = namesDeclaredIn(list);
    if (isExported !== undefined) for (const name of names) note(name, name);
    return names;
  });
  for (const [, list = ""] of code.matchAll(exportList))
    for (const [, local = "", as = local] of list.matchAll(/([\w$]+)(?: as ([\w$]+))?/g)) note(local, as);
  return variables
    .filter((name) => exported.has(name) && isAssignedInFunction(name, code))
    .flatMap((name) => exported.get(name) ?? []);
}

/** The names in `a = f(b, c), d, e = "f, g"`: a, d and e. */
function namesDeclaredIn(list: string): string[] {
  const names: string[] = [];
  let depth = 0;
  for (const [part] of list.matchAll(
    /"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`(?:\\.|[^`\\])*`|[([{]|[)\]}]|(?:^|, )[\w$]+/g,
  )) {
    if (/^[([{]$/.test(part)) depth += 1;
    else if (/^[)\]}]$/.test(part)) depth -= 1;
    else if (depth === 0 && /^[\w$,]/.test(part)) names.push(part.replace(", ", ""));
  }
  return names;
}

/** By the indentation: whether a function is around an assignment. */
function isAssignedInFunction(name: string, code: string): boolean {
  const word = RegExp.escape(name);
  // An enum hands its own object to a function: `(function(Kind) {…})(Kind || (Kind = {}))`.
  const assignment = new RegExp(
    `(?<![.\\w$]|(?:const|let|var) |${word} \\|\\| \\()${word}(?: (?:[-+*/%&|^?<>]+)?=(?![=>])|\\+\\+|--)|(?:\\+\\+|--)${word}\\b`,
  );
  const opened: { depth: number; isFunction: boolean }[] = [];
  for (const line of code.split("\n")) {
    const depth = line.search(/\S/);
    if (depth === -1) continue;
    while (opened.length > 0 && (opened.at(-1)?.depth ?? 0) >= depth) opened.pop();
    const at = line.search(assignment);
    if (at !== -1 && (opened.some(({ isFunction }) => isFunction) || opensFunction.test(line.slice(0, at))))
      return true;
    opened.push({ depth, isFunction: opensFunction.test(line) });
  }
  return false;
}

const opensFunction =
  /\bfunction\b|=>|^\s*(?!(?:if|for|while|switch|catch|with)\b)(?:[\w$#]+|\[.*\]) ?\([^()]*\) \{$/;
