/** What the text of a user's file says besides its plain imports. */
import { readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** What a program does that would not be the same in an executable; a sentence each. */
const differences: readonly [RegExp, string][] = [
  [/\bimport\.meta\.require\b/, "calls import.meta.require()"],
  [/\brequire\s*\(\s*(?!["'])/, "calls require() with a name that is not written there"],
  [/\bBun\.plugin\b|\bmock\.module\b|\bModule\._\w+|\bregisterHooks\b/, "changes how modules are loaded"],
  [/\brequire\.(?:cache|extensions)\b/, "looks into the modules that are loaded"],
  [/\bnew\s+Worker\s*\(/, "starts threads, in which process.execPath would be another one"],
  [/\bBun\.(?:isStandaloneExecutable|embeddedFiles)\b/, "asks whether it is compiled"],
];

/** @param imports What the file imports by plain names. */
export function obstaclesIn(file: string, code: string, imports: readonly Bun.Import[]): string[] {
  const found = differences.filter(([pattern]) => pattern.test(code)).map(([, what]) => `${file} ${what}`);
  // A require() that was made here is seen under this name only.
  const makesRequire = /\bcreateRequire\b/.test(code);
  if (
    makesRequire &&
    !/\b(?:const|let|var)\s+require\s*=\s*(?:\w+\.)?createRequire\s*\(\s*import\.meta\b/.test(code)
  )
    found.push(`${file} uses createRequire() under another name than require`);
  if (
    imports.some(({ path }) => /^(?:node:)?worker_threads$/.test(path)) &&
    !found.some((one) => one.includes("threads"))
  )
    found.push(`${file} imports worker_threads`);
  return found;
}

/** An `import()` whose argument is not a plain text. */
const computedImport = /(?<![.\w$#])import\s*\(\s*(?!["'][^"']*["']\s*[,)])([^\n]*)/g;
/** What begins with the name of a folder: a template, or a text that something is added to. */
const beginsInFolder = /^(?:`(\.{1,2}\/[^`$]*)\$\{|(["'])(\.{1,2}\/[^"']*)\2\s*\+)/;
/** A file by its URL. */
const urlOfFile = /^new URL\(\s*["'](\.{1,2}\/[^"']*)["']\s*,\s*import\.meta\.url\s*\)/;
const sources = /\.[cm]?[jt]sx?$/;
/** Beyond that many it is no folder of plugins. */
const maxFiles = 200;

/** The user's files that computed imports may mean: all in the folder that the name begins with. */
export function importedByPattern(file: string, code: string): { files: string[]; obstacles: string[] } {
  const files: string[] = [];
  const obstacles: string[] = [];
  for (const [, argument = ""] of code.matchAll(computedImport)) {
    const [, url] = urlOfFile.exec(argument) ?? [];
    const begin = beginsInFolder.exec(argument);
    const prefix = begin?.[1] ?? begin?.[3];
    if (url !== undefined) files.push(join(dirname(file), url));
    else if (prefix === undefined)
      obstacles.push(`${file} calls import() with a name that is not written there`);
    else {
      const found = sourcesIn(join(dirname(file), prefix));
      if (found.length <= maxFiles) files.push(...found);
      else
        obstacles.push(`${file} calls import() with a name that may be one of more than ${maxFiles} files`);
    }
  }
  return { files, obstacles };
}

/** The source files whose paths begin with a text. */
function sourcesIn(prefix: string): string[] {
  const folder = prefix.endsWith("/") ? prefix : dirname(prefix);
  const start = prefix.endsWith("/") ? "" : basename(prefix);
  const found: string[] = [];
  const waiting = [{ path: folder, start }];
  for (const { path, start: begin } of waiting) {
    for (const entry of entriesOf(path)) {
      if (!entry.name.startsWith(begin) || entry.name === "node_modules" || entry.name.startsWith("."))
        continue;
      const below = join(path, entry.name);
      if (entry.isDirectory()) waiting.push({ path: below, start: "" });
      else if (sources.test(entry.name) && found.length <= maxFiles) found.push(below);
    }
  }
  return found;
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return []; // It is not there; the program says so itself.
  }
}
