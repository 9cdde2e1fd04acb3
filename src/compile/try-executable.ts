/** Imports everything once from a new executable, and compares what it exports with what it exports from source. */
import { trialArgument } from "./be-worker.ts";
import type { ExportKinds } from "./export-kinds.ts";
import { executableProgram } from "./worker-program.ts";

/**
 * @param packages The name of each package, and its file.
 * @param wanted What each file exports from source.
 * @returns why the executable cannot be used.
 */
export async function tryExecutable(
  executable: string,
  packages: readonly (readonly [name: string, file: string])[],
  wanted: ReadonlyMap<string, ExportKinds>,
): Promise<string | undefined> {
  const { command, environment, argv0 } = executableProgram(executable);
  const child = Bun.spawn([...command, trialArgument, JSON.stringify([...wanted.keys()])], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...environment },
    ...(argv0 !== undefined && { argv0 }),
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0)
    return `the packages do not load when they are compiled: ${errorLine(error)}`;
  const found = JSON.parse(lastLine(out)) as Record<string, ExportKinds>;
  for (const [name, file] of packages) {
    const difference = differenceOf(wanted.get(file) ?? {}, found[file] ?? {});
    if (difference !== undefined) return `${difference} of ${name} is not the same when it is compiled`;
  }
  return undefined;
}

function differenceOf(wanted: ExportKinds, found: ExportKinds): string | undefined {
  const names = new Set([...Object.keys(wanted), ...Object.keys(found)]);
  for (const name of names) {
    if (wanted[name] !== found[name])
      return `"${name}" (${found[name] ?? "missing"} instead of ${wanted[name] ?? "nothing"})`;
  }
  return undefined;
}

/** What an uncaught error says, without the code around it. */
function errorLine(text: string): string {
  return /^(?:\w*error|[A-Z]\w*(?:Error|Message)): .*$/im.exec(text)?.[0] ?? lastLine(text);
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}
