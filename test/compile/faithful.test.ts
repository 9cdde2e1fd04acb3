/** The user's own files: what they see of themselves, of data and of settings, compiled and from source. */
import { afterAll, describe, expect, test } from "bun:test";
import { type Program, packageOf, Workshop } from "./both-ways.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());
/** Something to compile, so that a program does not differ only because there is nothing to compile in it. */
const some = packageOf("some", { "index.js": "export const some = 1;" }, { type: "module" });
const isSame = (program: Program, environment?: Record<string, string | undefined>) =>
  workshop.isSame({ ...some, ...program }, environment);
const isRefused = (program: Program, why: RegExp) => workshop.isRefused({ ...some, ...program }, why);
const using = 'import { some } from "some";\n';

describe("what a file is told about itself is the same", () => {
  test("import.meta, in a file that imports packages", async () => {
    const seen = await isSame({
      "program.ts": `${using}
        const { url, dir, dirname, path, file, filename, main } = import.meta;
        export const observe = () => ({
          some, url, dir, dirname, path, file, filename, main,
          env: import.meta.env === process.env,
          resolved: [import.meta.resolve("./agent.ts"), import.meta.resolve("some"), Bun.resolveSync("some", import.meta.dir)],
          keys: Object.keys(import.meta),
        });`,
    });
    expect(seen).toMatchObject({ file: "program.ts", main: false, env: true });
  });

  test("__dirname, __filename and a file that is read beside them", async () => {
    await isSame({
      "program.ts": `${using}
        import { readFileSync } from "node:fs";
        import { join } from "node:path";
        const beside = await Bun.file(new URL("./data/note.md", import.meta.url)).text();
        export const observe = () => [some, __dirname, __filename, beside, readFileSync(join(__dirname, "data/note.md"), "utf8")];`,
      "data/note.md": "a note",
    });
  });

  test("a CommonJS program: module, require, exports, this", async () => {
    const seen = await isSame({
      "agent.ts": `export { agent } from "./agent.cjs";`,
      "agent.cjs": `
        const { observe } = require("./program.cjs");
        exports.agent = async (_, state) => [{ role: "assistant", content: JSON.stringify(await observe()) }, state];`,
      "program.cjs": `
        const { some } = require("some");
        const { twice } = require("./lib/twice.js");
        implicitGlobal = twice(some);
        const top = this === exports;
        exports.observe = () => ({
          some, implicitGlobal, top, sloppy: (function () { return this !== undefined; })(),
          filename: module.filename, id: module.id, isMain: require.main === module, parent: module.parent?.filename,
          resolved: [require.resolve("some"), require.resolve("./lib/twice.js")],
          same: require("some") === require("some"),
          keys: Object.keys(require("some")),
        });`,
      "lib/twice.js": "exports.twice = (value) => 2 * value;",
    });
    expect(seen).toMatchObject({ some: 1, implicitGlobal: 2, top: true, sloppy: true, isMain: false });
  });
});

describe("what a file imports besides packages is the same", () => {
  test("top-level await, and modules that wait for one another", async () => {
    await isSame({
      "program.ts": `${using}
        import { later } from "./later.ts";
        const value = await Promise.resolve(some + later);
        export const observe = () => [value, (globalThis as any).order];`,
      "later.ts": `
        import { some } from "some";
        (globalThis as any).order = ["before"];
        await new Promise((resolve) => setTimeout(resolve, 1));
        (globalThis as any).order.push("after");
        export const later = some + 1;`,
    });
  });

  test("import() of a path that is written, of one that is computed, and of a URL", async () => {
    const seen = await isSame({
      ...packageOf("deep", { "index.js": "export const deep = {};" }, { type: "module" }),
      ...packageOf("deeper", { "index.js": 'export { deep } from "deep";' }, { type: "module" }),
      "program.ts": `${using}
        import { deep } from "deeper";
        export async function observe() {
          const name = "plug-in";
          const [written, template, added, url] = await Promise.all([
            import("./plugins/plug-in.ts"),
            import(\`./plugins/\${name}.ts\`),
            import("./plugins/" + name + ".ts"),
            import(new URL("./plugins/plug-in.ts", import.meta.url).href),
          ]);
          return [written === template, added === url, written === url, written.deep === deep, written.name, some];
        }`,
      // The package is not named anywhere else.
      "plugins/plug-in.ts": 'export { deep } from "deep"; export const name = import.meta.file;',
    });
    expect(seen).toEqual([true, true, true, true, "plug-in.ts", 1]);
  });

  test("import() of a name that is computed is refused", async () => {
    await isRefused(
      {
        "program.ts": `${using}
          export const observe = async () => Object.keys(await import(["so", "me"].join("")));`,
      },
      /program\.ts calls import\(\) with a name that is not written there$/,
    );
  });

  test("JSON, text, TOML and WASM", async () => {
    const wasm = Uint8Array.fromBase64("AGFzbQEAAAABBQFgAAF/AwIBAAcHAQNzaXgAAAoGAQQAQQYL");
    await isSame({
      "program.ts": `${using}
        import json from "./data.json";
        import { nested } from "./data.json";
        import text from "./note.md" with { type: "text" };
        import toml from "./settings.toml";
        import wasm from "./six.wasm";
        const { instance } = await WebAssembly.instantiate(await Bun.file(new URL("./six.wasm", import.meta.url)).bytes());
        export const observe = () => [json, nested, text, toml, typeof wasm, String(wasm), (instance.exports as any).six()];`,
      "data.json": '{ "nested": { "one": 1 } }',
      "note.md": "# A note",
      "settings.toml": 'title = "set"\n[part]\nvalue = 2\n',
      "six.wasm": wasm,
    });
  });

  test("paths and baseUrl of tsconfig.json", async () => {
    await isSame({
      "tsconfig.json": JSON.stringify({
        compilerOptions: {
          baseUrl: ".",
          paths: { "@lib/*": ["./lib/*"], alias: ["./node_modules/some/index.js"] },
        },
      }),
      "program.ts": `${using}
        import { helper } from "@lib/helper";
        import { other } from "lib/other";
        import { some as aliased } from "alias";
        export const observe = () => [some, helper, other, aliased];`,
      "lib/helper.ts": 'import { some } from "some"; export const helper = some + import.meta.file;',
      "lib/other.ts": "export const other = import.meta.path;",
    });
  });

  test("standard decorators; those that tsconfig.json asks for are refused", async () => {
    const program = `${using}
      const seen: unknown[] = [];
      function note(target: any, context: any) { seen.push(typeof target, typeof context === "object" ? context.kind : context); }
      class Box { @note open() { return some; } }
      export const observe = () => [seen, new Box().open()];`;
    expect(await isSame({ "program.ts": program })).toEqual([["function", "method"], 1]);
    const tsconfig = JSON.stringify({ compilerOptions: { experimentalDecorators: true } });
    const seen = await isRefused(
      { "program.ts": program, "tsconfig.json": tsconfig },
      /program\.ts depends on "experimentalDecorators" in .*tsconfig\.json$/,
    );
    expect(seen).toEqual([["object", "open"], 1]);
    await isSame({ "program.ts": `${using} export const observe = () => some;`, "tsconfig.json": tsconfig });
  });

  test("class fields; those that tsconfig.json asks for are refused", async () => {
    const program = `${using}
      class Above { set value(given: number) { throw new Error(String(given)); } }
      class Below extends Above { value = some; }
      export const observe = () => { try { return new Below().value; } catch { return "set"; } };`;
    expect(await isSame({ "program.ts": program })).toBe(1);
    const tsconfig =
      '{ /* comments and commas */ "compilerOptions": { "useDefineForClassFields": false, }, }';
    const why = /program\.ts depends on "useDefineForClassFields" in /;
    expect(await isRefused({ "program.ts": program, "tsconfig.json": tsconfig }, why)).toBe("set");
  });

  test("JSX; of a kind that tsconfig.json asks for it is refused", async () => {
    const react = (name: string) =>
      `const make = (tag, props) => ({ made: "${name}", tag, props }); export { make as jsx, make as jsxs, make as jsxDEV };`;
    const files = { "jsx-runtime.js": react("runtime"), "jsx-dev-runtime.js": react("dev") };
    const program = {
      ...packageOf("react", files, { type: "module" }),
      ...packageOf(
        "tiny",
        { "jsx-runtime.js": react("tiny"), "jsx-dev-runtime.js": react("tiny dev") },
        { type: "module" },
      ),
      "program.ts": 'export { observe } from "./view.tsx";',
      "view.tsx": `${using} export const observe = () => <a href="#">{some}</a>;`,
    };
    expect(await isSame(program)).toMatchObject({ made: "dev" });
    await isSame(program, { NODE_ENV: "production" });
    const tsconfig = JSON.stringify({ compilerOptions: { jsx: "react-jsx", jsxImportSource: "tiny" } });
    const seen = await isRefused({ ...program, "tsconfig.json": tsconfig }, /view\.tsx depends on "jsx" in /);
    expect(seen).toMatchObject({ made: "tiny" });
  });
});

describe("settings are the same", () => {
  test("a .env is the server's: a worker does not read it", async () => {
    const seen = await isSame(
      {
        ".env": "FAITHFUL_FILE=from the file\nFAITHFUL_BOTH=from the file\n",
        "program.ts": `${using}
          export const observe = () => [some, process.env.FAITHFUL_FILE ?? null, process.env.FAITHFUL_BOTH, Bun.env.FAITHFUL_BOTH];`,
      },
      { FAITHFUL_BOTH: "from the server" },
    );
    expect(seen).toEqual([1, null, "from the server", "from the server"]);
  });

  test("a bunfig.toml that says what is loaded first is refused; one about installing is not", async () => {
    const program = `${using} export const observe = () => [some, (globalThis as any).preloaded ?? null];`;
    const seen = await isRefused(
      {
        "bunfig.toml": 'preload = ["./first.ts"]\n',
        "first.ts": "(globalThis as any).preloaded = true;",
        "program.ts": program,
      },
      /bunfig\.toml has the setting "preload"$/,
    );
    expect(seen).toEqual([1, true]);
    await isSame({ "bunfig.toml": "[install]\nexact = true\n", "program.ts": program });
  });

  for (const value of [undefined, "production", "test"]) {
    test(`NODE_ENV ${value === undefined ? "that is not set" : `"${value}"`}`, async () => {
      const seen = await isSame(
        {
          ...packageOf(
            "mode",
            {
              "index.js":
                "export const atImport = process.env.NODE_ENV ?? null; export const now = () => process.env.NODE_ENV ?? null;",
              "development.js": "throw new Error('development');",
              "production.js": "throw new Error('production');",
            },
            {
              type: "module",
              exports: {
                development: "./development.js",
                production: "./production.js",
                default: "./index.js",
              },
            },
          ),
          "program.ts": `${using}
            import { atImport, now } from "mode";
            const first = now();
            process.env.NODE_ENV = "changed";
            export const observe = () => [some, atImport, first, now(), process.env.NODE_ENV];`,
        },
        { NODE_ENV: value },
      );
      expect(seen).toEqual([1, value ?? null, value ?? null, "changed", "changed"]);
    });
  }
});

describe("obstacles in the user's files are named", () => {
  const cases: [string, string, RegExp][] = [
    ["Bun.plugin", "Bun.plugin({ name: 'x', setup() {} });", /changes how modules are loaded$/],
    [
      "require() of a computed name",
      "const load = () => require(['so', 'me'].join(''));",
      /calls require\(\) with a name/,
    ],
    [
      "createRequire()",
      "import { createRequire } from 'node:module'; const get = createRequire(import.meta.url); get('some');",
      /uses createRequire\(\) under another name/,
    ],
    [
      "a question whether it is compiled",
      "const compiled = Bun.isStandaloneExecutable;",
      /asks whether it is compiled$/,
    ],
  ];
  for (const [name, code, why] of cases) {
    test(name, async () => {
      await isRefused({ "program.ts": `${using}${code}\nexport const observe = () => some;` }, why);
    });
  }

  test("but not in comments, texts and types", async () => {
    await isSame({
      "program.ts": `${using}
        // Bun.plugin, require(name), import(name)
        import type { Missing } from "not-installed";
        export const observe = (): Missing => [some, "see import and require"] as any;`,
    });
  });
});
