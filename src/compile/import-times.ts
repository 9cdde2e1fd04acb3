/** What takes the time when an agent is imported: the packages of its program, one by one, and its own files. */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { sdkImports } from "../agent/sdks.ts";
import { median } from "../median.ts";
import type { AgentSources } from "./agent-sources.ts";
import type { CompileOrder } from "./compile-agent.ts";
import type { ImportTime, TimedImports } from "./time-imports.ts";

export interface LoadedModules extends ImportTime {
  /** How many files that loads. */
  files: number;
}

/** The medians of `runs` processes that import the program. The parts add up to the whole. */
export interface ImportTimes {
  runs: number;
  /** What the runtime takes before anything is imported. */
  runtime: ImportTime;
  /** In the order in which the program names them; each without what those before it have loaded already. */
  packages: (LoadedModules & { name: string })[];
  /** What is left for the program itself. */
  ownFiles: LoadedModules;
}

const timer = fileURLToPath(new URL("./time-imports.ts", import.meta.url));
const runs = 3;
const maxImportMs = 60_000;

/** Imports the program a few times, each in a process of its own; undefined when it ends that process. */
export async function importTimes(
  order: CompileOrder,
  sources: AgentSources,
  signal?: AbortSignal,
): Promise<ImportTimes | undefined> {
  const [entry = ""] = sources.files;
  const whole = await timeImports([entry], order, signal);
  const loaded = new Set(whole?.imports[0]?.files);
  const names = [...sources.packages.keys()];
  // A package that is imported only when a turn needs it is no part of the start.
  const before = names.filter((name) => loaded.has(realFile(sources.packages.get(name))));
  const adapters = sdkImports(names);
  const after = names.filter((name) => adapters.includes(name) && !before.includes(name));
  const fileOf = (name: string) => sources.packages.get(name) ?? name;
  const files = [...before.map(fileOf), entry, ...after.map(fileOf)];
  const timed: TimedImports[] = [];
  for (let run = 0; run < runs; run++) {
    const times = await timeImports(files, order, signal);
    if (times === undefined) return undefined;
    timed.push(times);
  }
  const times = (index: number): LoadedModules => ({
    ...medianTime(timed.map(({ imports }) => imports[index])),
    files: timed[0]?.imports[index]?.files.length ?? 0,
  });
  return {
    runs,
    runtime: medianTime(timed.map(({ runtime }) => runtime)),
    packages: [
      ...before.map((name, index) => ({ name, ...times(index) })),
      ...after.map((name, index) => ({ name, ...times(before.length + 1 + index) })),
    ],
    ownFiles: times(before.length),
  };
}

async function timeImports(
  files: readonly string[],
  { folder, environment }: CompileOrder,
  signal?: AbortSignal,
): Promise<TimedImports | undefined> {
  const child = Bun.spawn(
    [process.execPath, "--no-install", "--no-env-file", "--conditions=motus-worker", timer],
    {
      cwd: folder,
      env: environment,
      stdin: new Blob([JSON.stringify(files)]),
      stdout: "pipe",
      stderr: "ignore",
      timeout: maxImportMs,
      killSignal: "SIGKILL",
      ...(signal !== undefined && { signal }),
    },
  );
  const out = await new Response(child.stdout).text();
  await child.exited;
  try {
    return JSON.parse(out.trimEnd().split("\n").at(-1) ?? "") as TimedImports;
  } catch {
    return undefined;
  }
}

function medianTime(times: readonly (ImportTime | undefined)[]): ImportTime {
  const known = times.filter((time) => time !== undefined);
  return {
    cpuMs: median(known.map(({ cpuMs }) => cpuMs)),
    wallMs: median(known.map(({ wallMs }) => wallMs)),
  };
}

function realFile(file = ""): string {
  try {
    return realpathSync(file);
  } catch {
    return file;
  }
}
