/** What a worker loads before its agent is paid for on every turn, in time and in memory that is to be given back. */
import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

/** All modules that a file imports by statements, directly or by others. */
async function importsOf(start: string): Promise<string[]> {
  const found = new Set([start]);
  for (const file of found) {
    if (!file.endsWith(".ts")) continue;
    const imports = new Bun.Transpiler({ loader: "ts" }).scanImports(await Bun.file(file).text());
    for (const { kind, path } of imports) {
      if (kind !== "import-statement") continue;
      found.add(path.startsWith(".") ? Bun.resolveSync(path, `${file}/..`) : path);
    }
  }
  return [...found];
}

for (const start of ["worker/main.ts", "compile/be-worker.ts", "compile/compiled-files.ts"]) {
  test(`src/${start} loads nothing of the runtime, of packages and of adapters ahead`, async () => {
    const imports = await importsOf(fileURLToPath(new URL(`../../src/${start}`, import.meta.url)));
    expect(imports.length).toBeGreaterThan(1);
    expect(imports.filter((file) => !file.startsWith("/") || file.includes("/adapters/"))).toEqual([]);
  });
}
