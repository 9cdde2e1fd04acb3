/**
 * Imports modules one after the other, and says what each of them took.
 *
 *     bun --conditions=motus-worker src/compile/time-imports.ts      (their files as JSON on stdin, a TimedImports on stdout)
 *
 * It runs in a process of its own: what is imported once is there for good.
 */

export interface TimedImports {
  /** What the runtime took before the first import. */
  runtime: ImportTime;
  /** In the order that was asked for; each without what those before it have loaded already. */
  imports: (ImportTime & { files: string[] })[];
}

export interface ImportTime {
  cpuMs: number;
  wallMs: number;
}

if (import.meta.main) {
  const files = (await Bun.stdin.json()) as string[];
  // What is imported may write what it likes; the last line is ours.
  console.log(`\n${JSON.stringify(await timeImports(files))}`);
  process.exit(0);
}

async function timeImports(files: readonly string[]): Promise<TimedImports> {
  const runtime = { cpuMs: cpuMs(), wallMs: performance.now() };
  const imports: TimedImports["imports"] = [];
  const loaded = new Set(Object.keys(require.cache));
  for (const file of files) {
    const before = { cpuMs: cpuMs(), wallMs: performance.now() };
    try {
      await import(file);
    } catch {
      // Whoever imports it has caught this, or the agent would not have loaded.
    }
    const time = { cpuMs: cpuMs() - before.cpuMs, wallMs: performance.now() - before.wallMs };
    const added = Object.keys(require.cache).filter((path) => !loaded.has(path));
    for (const path of added) loaded.add(path);
    imports.push({ ...time, files: added });
  }
  return { runtime, imports };
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}
