/** Small changes to the code of packages, without which it would behave differently as a part of a bundle. */
import { keepNames } from "./keep-names.ts";
import type { PackageFile } from "./survey-packages.ts";

/** What is written for the runtime's things of one file; see compiled-files.ts. */
const context = (index: number) => `$motus.at(${index})`;

/** `import(` with no text behind it, after any comment; not a method of that name, nor one inside a template. */
const computedImport = /(?<![.\w$#])import\s*\((?=(?:\s|\/\*[\s\S]*?\*\/|\/\/[^\n]*\n)*(?!["')/\s]|\$\{))/g;
/** A call of `require` with no text behind it, a property of it, or itself as a value. */
const freeRequire =
  /(?<![.\w$#])require(?=\s*\(\s*[^"'\s)]|\.(?:resolve|cache|main|extensions)\b)|(?<=[(,=&|?!]\s*)require(?=\s*[),;&|\n}])/g;
const computedRequire = /(?<![.\w$#])require\s*\(\s*[^"'\s)]/;
const ownRequire = /\b(?:var|let|const|function)\s+require\b/;
/** What a module object has besides its exports. */
const moduleProperty =
  /(?<![.\w$#])module(?=\.(?:parent|paths|filename|id|children|loaded|require|path|constructor)\b)/g;
const ownModule = /\b(?:var|let|const)\s+module\b|\bfunction\b[^(]*\([^)]*\bmodule\b|\bmodule\s*=>/;
/** Where a package looks for the file of its caller; the bundler puts something before it. */
const callerFile = /\.getFileName\(\)/g;
/** All that the bundler does not replace by what it is in the original file. */
const anyMeta = /(?<![.\w$#])import\.meta\b/g;
const otherMeta = /(?<![.\w$#])import\.meta\b(?!\.(?:url|dir|dirname|path|file|filename|main|env|hot)\b)/g;

/** Whether code asks for modules by names that are not written there. */
export function computesNames(text: string): boolean {
  return (
    text.search(computedImport) !== -1 || (!ownRequire.test(text) && text.search(computedRequire) !== -1)
  );
}

/** The code of a file as the bundler gets it; undefined when it is as it was. */
export function adaptSource(
  path: string,
  file: PackageFile,
  { index, renamed, isMarked, isOurs }: Adapting,
): string | undefined {
  const asked = isOurs ? file.text : askRuntime(file, index, isMarked);
  const text = keepNames(path, asked, renamed);
  return text === file.text ? undefined : text;
}

interface Adapting {
  /** What the file is called among those that ask the runtime for something. */
  index: () => number;
  /** Names that the bundler has changed somewhere. */
  renamed: ReadonlySet<string>;
  /** Whether the bundler sees the file under another path. */
  isMarked: boolean;
  /** Whether it is a file of this package: they ask for nothing, and write such things into others. */
  isOurs: boolean;
}

function askRuntime(
  { text, kind, imports }: PackageFile,
  index: Adapting["index"],
  isMarked: boolean,
): string {
  let adapted = text;
  const ask = (pattern: RegExp, what: string) => {
    adapted = adapted.replace(pattern, () => `${context(index())}.${what}`);
  };
  adapted = adapted.replace(callerFile, (call) => `${call}?.replace(/^package:/, "")`);
  adapted = adapted.replace(computedImport, () => `${context(index())}.import(`);
  for (const { name, kind: how, file, isBuiltIn } of imports) {
    if (file !== undefined || how === "import-statement" || isBuiltIn) continue;
    const word = how === "require-call" ? "require" : "import";
    const call = `(?<![.\\w$#])${word}(?=\\s*\\((?:\\s|/\\*[^]*?\\*/)*["']${RegExp.escape(name)}["'])`;
    ask(new RegExp(call, "g"), word);
  }
  if (kind === "module") ask(isMarked ? anyMeta : otherMeta, "meta");
  else {
    if (!ownRequire.test(text))
      adapted = adapted.replace(freeRequire, (word, at: number, whole: string) =>
        isParameter(whole, at) ? word : `${context(index())}.require`,
      );
    if (!ownModule.test(text)) ask(moduleProperty, "module");
  }
  return adapted;
}

/** Whether a word stands among the parameters of a function. */
function isParameter(text: string, at: number): boolean {
  const before = text.slice(Math.max(0, at - 200), at);
  return /\bfunction\b[^(]*\([^()]*$/.test(before) || /^[^()]*\)\s*=>/.test(text.slice(at, at + 200));
}
