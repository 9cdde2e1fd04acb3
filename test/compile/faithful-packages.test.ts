/** Packages in an executable: how they are found, evaluated and connected, compiled and from source. */
import { afterAll, describe, expect, test } from "bun:test";
import { packageOf, Workshop } from "./both-ways.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());
const isSame = workshop.isSame.bind(workshop);
const isRefused = workshop.isRefused.bind(workshop);

const module = { type: "module" };
/** Each file that is evaluated says so in a list. */
const log = (what: string) => `(globalThis.order ??= []).push(${JSON.stringify(what)});`;
const order = "(globalThis as any).order";

describe("packages are found as from source", () => {
  test("conditions of exports, for import and for require(), and none of the bundler's or the server's own", async () => {
    const files = Object.fromEntries(
      ["bun", "node", "import", "require", "default", "module", "own"].map((name) => [
        `${name}.js`,
        `module.exports = { which: ${JSON.stringify(name)} };`,
      ]),
    );
    const seen = await isSame({
      ...packageOf("both", files, {
        exports: { own: "./own.js", import: "./import.js", require: "./require.js" },
      }),
      ...packageOf("runtimes", files, {
        exports: { node: "./node.js", bun: "./bun.js", default: "./default.js" },
      }),
      ...packageOf("modules", files, { exports: { module: "./module.js", default: "./default.js" } }),
      ...packageOf("main-fields", files, { module: "./module.js", main: "./default.js" }),
      ...packageOf(
        "asks",
        {
          "index.js": `exports.which = ["both", "runtimes", "modules", "main-fields"].length && [
            require("both").which, require("runtimes").which, require("modules").which, require("main-fields").which];`,
        },
        {},
      ),
      "program.ts": `
        import both from "both";
        import runtimes from "runtimes";
        import modules from "modules";
        import mainFields from "main-fields";
        import { which } from "asks";
        export const observe = () => [both, runtimes, modules, mainFields, which, require("both")];`,
    });
    expect((seen as unknown[])[0]).toEqual({ which: "import" });
  });

  test("what the runtime has its own version of", async () => {
    await isSame({
      ...packageOf("ws", { "index.js": "module.exports = { isInstalled: true };" }),
      ...packageOf("buffer", { "index.js": "module.exports = { isInstalled: true };" }),
      ...packageOf(
        "uses-ws",
        {
          "index.js":
            'import ws from "ws"; import buffer from "buffer"; export const seen = [ws.isInstalled ?? null, typeof ws, buffer.isInstalled ?? null];',
        },
        module,
      ),
      ...packageOf("requires-ws", {
        "index.js":
          'exports.seen = [require("ws").isInstalled ?? null, require("buffer/").isInstalled ?? null];',
      }),
      "program.ts":
        'import { seen } from "uses-ws"; import { seen as required } from "requires-ws"; import ws from "ws"; export const observe = () => [seen, required, typeof ws];',
    });
  });

  test("subpaths, patterns, self-references and #imports", async () => {
    await isSame({
      ...packageOf(
        "paths",
        {
          "index.js":
            'import { deep } from "paths/deep/a"; import { own } from "#own"; export const all = [deep, own];',
          "deep/a.js": "export const deep = import.meta.file;",
          "own.js": "export const own = import.meta.url;",
        },
        {
          ...module,
          exports: { ".": "./index.js", "./deep/*": "./deep/*.js" },
          imports: { "#own": "./own.js" },
        },
      ),
      "program.ts": `
        import { all } from "paths";
        import { deep } from "paths/deep/a";
        export const observe = () => [all, deep];`,
    });
  });

  test("two versions of a package: each has its own state, and what is shared is shared", async () => {
    const version = (number: string) => ({
      "index.js": `export class Shape {} ; export const state = { version: "${number}", count: 0 };`,
    });
    const { "node_modules/nested/package.json": manifest = "", "node_modules/nested/index.js": code = "" } =
      packageOf("nested", version("2"), { ...module, version: "2.0.0" });
    const seen = await isSame({
      ...packageOf("nested", version("1"), module),
      ...packageOf(
        "holder",
        {
          "index.js":
            'import { Shape, state } from "nested"; import { shared } from "shared"; state.count += 1; shared.push("holder"); export { Shape, state };',
          "node_modules/nested/package.json": manifest,
          "node_modules/nested/index.js": code,
        },
        module,
      ),
      ...packageOf("shared", { "index.js": "export const shared = [];" }, module),
      "program.ts": `
        import { Shape, state } from "nested";
        import { Shape as Held, state as held } from "holder";
        import { shared } from "shared";
        import { nested } from "./lib/inner.ts";
        shared.push("program");
        export const observe = () => [state, held, new Shape() instanceof Held, new Held() instanceof Held, shared, nested === Shape];`,
      "lib/inner.ts": 'import { Shape } from "nested"; export const nested = Shape;',
    });
    expect(seen).toEqual([
      { version: "1", count: 0 },
      { version: "2", count: 1 },
      false,
      true,
      ["holder", "program"],
      true,
    ]);
  });

  test("another copy of a package for a part of the program", async () => {
    const copy = packageOf("copied", { "index.js": 'export const copy = "inner";' }, module);
    await isSame({
      ...packageOf("copied", { "index.js": 'export const copy = "outer";' }, module),
      ...Object.fromEntries(Object.entries(copy).map(([path, content]) => [`lib/${path}`, content])),
      "program.ts":
        'import { copy } from "copied"; import { inner } from "./lib/inner.ts"; export const observe = () => [copy, inner];',
      "lib/inner.ts": 'import { copy } from "copied"; export const inner = copy;',
    });
  });

  test("a package of the workspace is the user's own, and its packages are compiled", async () => {
    await isSame({
      ...packageOf("some", { "index.js": "export const state = {};" }, module),
      "packages/tools/package.json":
        '{ "name": "tools", "version": "1.0.0", "type": "module", "main": "./index.ts" }',
      "packages/tools/index.ts":
        'import { state } from "some"; export { state }; export const where = import.meta.path;',
      "node_modules/tools": { link: "../packages/tools" },
      "program.ts": `
        import { state, where } from "tools";
        import { state as same } from "some";
        export const observe = () => [state === same, where];`,
    });
  });

  test("a package that imports one of the program's own files is refused", async () => {
    await isRefused(
      {
        "packages/tools/package.json":
          '{ "name": "tools", "version": "1.0.0", "type": "module", "main": "./index.ts" }',
        "packages/tools/index.ts": "export const state = {};",
        "node_modules/tools": { link: "../packages/tools" },
        ...packageOf("uses-tools", { "index.js": 'export { state } from "tools";' }, module),
        "program.ts":
          'import { state } from "tools"; import { state as same } from "uses-tools"; export const observe = () => state === same;',
      },
      /a package imports \S+\/packages\/tools\/index\.ts, which is one of the program's own files$/,
    );
  });

  test("types only, and packages that are not installed but where they are missed", async () => {
    const seen = await isSame({
      ...packageOf("typed", { "index.js": log("typed"), "index.d.ts": "export interface Typed {}" }, module),
      ...packageOf(
        "peers",
        {
          "index.js": `
            const found = {};
            for (const attempt of [1, 2]) {
              try { found.required = require("missing-peer"); } catch (error) { found["required" + attempt] = [error.code, error.message]; }
            }
            exports.found = found;
            exports.later = () => import("missing-too").catch((error) => [error.code, error.message]);
            exports.inner = () => import("./needs-missing.mjs").catch((error) => error.code);
            try { require.resolve("missing-peer"); } catch (error) { found.resolved = error.code; }`,
          "needs-missing.mjs": 'import { gone } from "missing-three"; export { gone };',
        },
        {
          peerDependencies: { "missing-peer": "*" },
          peerDependenciesMeta: { "missing-peer": { optional: true } },
        },
      ),
      "program.ts": `
        import type { Typed } from "typed";
        import { Typed as Unused } from "typed";
        import { found, later, inner } from "peers";
        const typed: Typed = {};
        export const observe = async () => [typed, found, await later(), await inner(), ${order} ?? []];`,
    });
    expect(seen).toEqual([
      {},
      {
        required1: ["MODULE_NOT_FOUND", expect.anything()],
        required2: ["MODULE_NOT_FOUND", expect.anything()],
        resolved: "MODULE_NOT_FOUND",
      },
      ["ERR_MODULE_NOT_FOUND", expect.anything()],
      "ERR_MODULE_NOT_FOUND",
      [],
    ]);
  });
});

describe("packages are evaluated as from source", () => {
  test("in the order of the imports, after what the user's files before them have set", async () => {
    const seen = await isSame({
      ...packageOf(
        "first",
        {
          "index.js": `${log("first")} import "./first-inner.js"; export const saw = process.env.FAITHFUL ?? null;`,
          "first-inner.js": log("first inner"),
        },
        module,
      ),
      ...packageOf(
        "second",
        { "index.js": `import "first"; ${log("second")} export const saw = globalThis.setBefore ?? null;` },
        module,
      ),
      ...packageOf("effect", { "index.js": log("effect") }, module),
      "program.ts": `
        import "./set.ts";
        import { saw as second } from "second";
        import "effect";
        import { saw as first } from "first";
        ${log("program").replace("globalThis", "(globalThis as any)")}
        export const observe = () => [first, second, ${order}];`,
      "set.ts": `process.env.FAITHFUL = "set"; (globalThis as any).setBefore = 1; ${log("set").replace("globalThis", "(globalThis as any)")}`,
    });
    expect(seen).toEqual(["set", 1, ["set", "first inner", "first", "second", "effect", "program"]]);
  });

  test("scripts ahead of modules, wherever they are", async () => {
    const script = (name: string) => `${log(name)} exports.saw = globalThis.setBefore ?? null;`;
    const seen = await isSame({
      ...packageOf("script", {
        "index.js": `require("./inner.js"); ${script("script")}`,
        "inner.js": script("inner"),
      }),
      ...packageOf(
        "a-module",
        { "index.js": `import { saw } from "below"; ${log("module")} export { saw };` },
        module,
      ),
      ...packageOf(
        "below",
        {
          "index.js": `import "./lib.cjs"; export * from "deep-script"; ${log("below")}`,
          "lib.cjs": script("lib"),
        },
        module,
      ),
      ...packageOf("deep-script", { "index.js": script("deep") }),
      "program.ts": `
        import "./set.ts";
        import { saw as module } from "a-module";
        import { saw as script } from "script";
        const order: string[] = ${order};
        // Scripts that do not need one another run as they are read, which is a race from source as well.
        const scripts = order.slice(0, order.indexOf("set"));
        export const observe = () => [
          module, script, scripts.toSorted(), scripts.indexOf("inner") < scripts.indexOf("script"), order.slice(scripts.length),
        ];`,
      "set.ts": `(globalThis as any).setBefore = 1; ${log("set").replace("globalThis", "(globalThis as any)")}`,
    });
    expect(seen).toEqual([null, null, ["deep", "inner", "lib", "script"], true, ["set", "below", "module"]]);
  });

  test("when they are asked for, not before, and once", async () => {
    const seen = await isSame({
      ...packageOf("lazy", { "index.js": `${log("lazy")} export const lazy = {};` }, module),
      ...packageOf("lazy-script", { "index.js": `${log("lazy script")} exports.lazy = {};` }),
      ...packageOf(
        "holder",
        {
          "index.js": `${log("holder")} export const load = () => import("lazy"); export const inner = () => import("./inner.js");`,
          "inner.js": `${log("inner")} export { lazy } from "lazy";`,
        },
        module,
      ),
      "program.ts": `
        import { load, inner } from "holder";
        export async function observe() {
          const before = [...${order}];
          const [a, b, c, d] = [await import("lazy"), await load(), await inner(), await import("lazy-script")];
          return [before, ${order}, a.lazy === b.lazy, b.lazy === c.lazy, Object.keys(a), Object.keys(d), require("lazy-script").lazy === d.lazy];
        }`,
    });
    expect(seen).toEqual([
      ["holder"],
      ["holder", "lazy", "inner", "lazy script"],
      true,
      true,
      ["lazy"],
      ["default", "lazy"],
      true,
    ]);
  });

  test('all of a package with "sideEffects": false that is imported', async () => {
    const seen = await isSame({
      ...packageOf(
        "pure",
        {
          "index.js": `import "./register.js"; export { used } from "./used.js"; export { unused } from "./unused.js"; ${log("index")}`,
          "register.js": log("register"),
          "used.js": `${log("used")} export const used = 1;`,
          "unused.js": `${log("unused")} export const unused = /* @__PURE__ */ globalThis.order.push("pure call");`,
        },
        { ...module, sideEffects: false },
      ),
      ...packageOf("uses-pure", { "index.js": 'import { used } from "pure"; export { used };' }, module),
      "program.ts": `import { used } from "uses-pure"; export const observe = () => [used, ${order}];`,
    });
    expect(seen).toEqual([1, ["register", "used", "unused", "pure call", "index"]]);
  });

  test("a package that throws when it is imported is refused, and throws", async () => {
    const seen = await isRefused(
      {
        ...packageOf("throws", { "index.js": 'throw new TypeError("not today");' }, module),
        "program.ts":
          'const error = await import("throws").catch((error) => error); export const observe = () => [error.name, error.message];',
      },
      /^throws cannot be imported by itself: not today$/,
    );
    expect(seen).toEqual(["TypeError", "not today"]);
  });

  test("a package with top-level await is refused", async () => {
    const seen = await isRefused(
      {
        ...packageOf(
          "waits",
          {
            "index.js": "export { value } from './inner.js';",
            "inner.js": "export const value = await Promise.resolve(1);",
          },
          module,
        ),
        "program.ts": 'import { value } from "waits"; export const observe = () => value;',
      },
      /^the bundler says of \S+waits\/inner\.js: /,
    );
    expect(seen).toBe(1);
  });

  test("strict and sloppy code", async () => {
    const kind = "function () { return this === undefined ? 'strict' : 'sloppy'; }";
    const frozen =
      "function () { const box = Object.freeze({ a: 1 }); try { box.a = 2; return 'silent'; } catch (error) { return error.name; } }";
    const seen = await isSame({
      ...packageOf(
        "strict-module",
        {
          "index.js": `export const kind = ${kind}; export const frozen = ${frozen}; export { kind as sloppy } from "sloppy-script";`,
        },
        module,
      ),
      ...packageOf("strict-script", {
        "index.js": `// a comment\n/* and another */ "use strict"; exports.kind = ${kind}; exports.frozen = ${frozen}; exports.module = require("strict-module");`,
      }),
      ...packageOf("sloppy-script", {
        "index.js": `exports.kind = ${kind}; exports.frozen = ${frozen}; leaks = 1; exports.strict = () => require("strict-script"); exports.load = () => import("strict-module");`,
      }),
      "program.ts": `
        import * as module from "strict-module";
        import strict from "strict-script";
        import sloppy from "sloppy-script";
        const call = (f: () => string) => f();
        export const observe = async () => [
          ...[module, strict, sloppy].flatMap(({ kind, frozen }) => [call(kind), call(frozen)]),
          (globalThis as any).leaks, sloppy.strict() === strict, (await sloppy.load()) === module, strict.module.kind === module.kind, module.sloppy === sloppy.kind,
        ];`,
    });
    expect(seen).toEqual([
      "strict",
      "TypeError",
      "strict",
      "TypeError",
      "sloppy",
      "silent",
      1,
      true,
      true,
      true,
      true,
    ]);
  });
});

describe("what packages export is the same", () => {
  test("CommonJS, with and without __esModule, to the user's files and to other packages", async () => {
    const scripts = {
      plain: "exports.a = 1; exports.b = function b() {};",
      assigned: "module.exports = function made() {}; module.exports.extra = 1;",
      instance: "class Thing { method() { return 1; } } module.exports = new Thing();",
      primitive: "module.exports = 'text';",
      marked:
        "Object.defineProperty(exports, '__esModule', { value: true }); exports.default = class Named {}; exports.other = 2;",
      "marked-without-default":
        "Object.defineProperty(exports, '__esModule', { value: true }); exports.other = 2;",
      defaults: "exports.default = 'inner'; exports.other = 2;",
    };
    const names = Object.keys(scripts);
    const describe = names
      .map(
        (name, index) =>
          `import d${index} from "${name}"; import * as n${index} from "${name}"; all.push(tell(d${index}, n${index}));`,
      )
      .join("\n");
    const tell = `
      const all = [];
      const kind = (value) => typeof value === "function" ? "function " + value.name : typeof value === "object" ? Object.keys(value).sort().join() + " of " + Object.getPrototypeOf(value)?.constructor?.name : value;
      const tell = (d, n) => [kind(d), Object.keys(n).filter((key) => key !== "__esModule").sort().map((key) => [key, kind(n[key])])];`;
    const seen = await isSame({
      ...Object.assign(
        {},
        ...Object.entries(scripts).map(([name, code]) => packageOf(name, { "index.js": code })),
      ),
      ...packageOf(
        "importer",
        { "index.js": `${tell.replace("const all", "export const all")}\n${describe}` },
        module,
      ),
      ...packageOf(
        "importer-mts",
        { "index.mjs": `${tell.replace("const all", "export const all")}\n${describe}` },
        { main: "./index.mjs" },
      ),
      ...packageOf("requirer", {
        "index.js": `${tell} exports.all = ${JSON.stringify(names)}.map((name) => kind(require(name)));`
          .replace("require(name)", "load(name)")
          .replace(
            "const all",
            `const load = (name) => ({ ${names.map((name) => `"${name}": () => require("${name}")`).join(", ")} })[name](); const all`,
          ),
      }),
      "program.ts": `// @ts-nocheck
        ${tell}
        ${describe}
        import { all as imported } from "importer";
        import { all as importedToo } from "importer-mts";
        import { all as required } from "requirer";
        export const observe = () => ({ all, imported, importedToo, required });`,
    });
    expect(seen).toBeObject();
  });

  test("a module that is required: by the user's script, and by a package", async () => {
    await isSame({
      ...packageOf("esm", { "index.js": "export const a = {}; export default class Default {}" }, module),
      ...packageOf("requires", {
        "index.js":
          'const esm = require("esm"); exports.keys = Object.keys(esm); exports.a = esm.a; exports.name = esm.default.name; exports.marked = esm.__esModule === true;',
      }),
      "program.ts": `
        import { a } from "esm";
        import * as requires from "requires";
        import { load } from "./load.cjs";
        export const observe = () => [requires.keys, requires.name, requires.a === a, load().a === a, Object.keys(load()), requires.marked, load().__esModule ?? null];`,
      "load.cjs": 'exports.load = () => require("esm");',
    });
  });

  test("an export that changes later is refused", async () => {
    const program =
      'import { count, more } from "counter"; export const observe = () => { more(); return count; };';
    const why = /^"count" of counter may change after it was imported$/;
    const direct = packageOf(
      "counter",
      { "index.js": "export let count = 0; export function more() { count += 1; }" },
      module,
    );
    expect(await isRefused({ ...direct, "program.ts": program }, why)).toBe(1);
    const again = packageOf(
      "counter",
      {
        "index.js": 'export * from "./lib.js";',
        "lib.js": "let count = 0;\nconst more = () => { count++; };\nexport { count, more };",
      },
      module,
    );
    expect(await isRefused({ ...again, "program.ts": program }, why)).toBe(1);
  });

  test("a module that sloppy code imports later, and strict code at once", async () => {
    const seen = await isSame({
      ...packageOf("hidden", { "index.js": "export const state = {}; export default 1;" }, module),
      ...packageOf("strict", { "index.js": 'export { state } from "hidden";' }, module),
      ...packageOf("sloppy", { "index.js": 'exports.load = () => import("hidden");' }),
      "program.ts":
        'import { state } from "strict"; import { load } from "sloppy"; export const observe = async () => { const it = await load(); return [it.state === state, Object.keys(it)]; };',
    });
    expect(seen).toEqual([true, ["default", "state"]]);
  });

  test("exports that are given a value once, in whatever way, and bindings between packages that change", async () => {
    const seen = await isSame({
      ...packageOf(
        "settled",
        {
          "index.js": `
            export var Kind; (function (Kind) { Kind[Kind["A"] = 0] = "A"; })(Kind || (Kind = {}));
            export let chosen; if (true) chosen = 1; else chosen = 2;
            export var late; late = [];
            export let lazy = () => { const lazy = 1; return lazy; };
            export { twice } from "./counter.js";`,
          "counter.js":
            'import { count, more } from "counting"; export const twice = () => { more(); more(); return count; };',
        },
        module,
      ),
      ...packageOf(
        "counting",
        { "index.js": "export let count = 0; export function more() { count += 1; }" },
        module,
      ),
      "program.ts": `
        import { Kind, chosen, late, lazy, twice } from "settled";
        export const observe = () => [Kind, chosen, late, lazy(), twice()];`,
    });
    expect(seen).toEqual([{ 0: "A", A: 0 }, 1, [], 1, 2]);
  });

  test("names of classes and functions, also where two are called the same", async () => {
    const file = (extra: string) => `
      class Failure extends Error { constructor(message) { super(message); this.name = new.target.name; } }
      class Hidden { static kind = this.name; }
      class Named { static name = "own name"; }
      class Method { static name() { return "method"; } }
      const arrow = () => {}; function plain() {} const Expression = class {}; async function* generator() {}
      export const own = [Failure.name, Hidden.name, Hidden.kind, new Hidden().constructor.name, Named.name, Method.name(), plain.name, generator.name];
      export const later = () => [arrow.name, Expression.name];
      export const fail = () => { throw new Failure("${extra}"); };
      export default class extends Failure { static kind = this.name; }`;
    const own = ["Failure", "Hidden", "Hidden", "Hidden", "own name", "method", "plain", "generator"];
    const script = `
      class Failure extends Error {} class Map {} const File = class File {};
      function process() {} function plain() {}
      module.exports = { own: [Failure.name, Map.name, File.name, process.name, plain.name], Failure, inner: () => { class Failure {} return Failure.name; } };`;
    const seen = await isSame({
      ...packageOf(
        "names",
        {
          "index.js":
            'export * as a from "./a.js"; export * as b from "./b.js"; export * as c from "./c.cjs"; export * as d from "./d.cjs"; export const used = [new Map(), File, process.pid > 0].length;',
          "a.js": file("a"),
          "b.js": file("b"),
          "c.cjs": script,
          "d.cjs": `"use strict";${script}`,
        },
        module,
      ),
      "program.ts": `
        import { a, b, c, d } from "names";
        const caught = ({ fail }: any) => { try { fail(); } catch (error: any) { return [error.name, error.constructor.name, String(error), error.message]; } };
        export const observe = () => [a.own, b.own, a.later(), b.later(), caught(a), caught(b), a.default.name, (a.default as any).kind, b.default.name, c.own, d.own, c.Failure.name, c.inner()];`,
    });
    expect((seen as unknown[]).slice(0, 4)).toEqual([
      own,
      own,
      ["arrow", "Expression"],
      ["arrow", "Expression"],
    ]);
  });
});

describe("packages see their own files", () => {
  test("files beside a module and beside a script", async () => {
    const seen = await isSame({
      ...packageOf(
        "reads",
        {
          "index.js": `
          import { readFileSync } from "node:fs";
          import { fileURLToPath } from "node:url";
          import json from "./data.json" with { type: "json" };
          import text from "./data.txt" with { type: "text" };
          const { url, dir, dirname, path, file, filename, main, env } = import.meta;
          export const meta = { url, dir, dirname, path, file, filename, main, env: env === process.env };
          export const resolved = [import.meta.resolve("./data.txt"), import.meta.resolve("reads"), import.meta.resolve("node:fs"), typeof import.meta.resolve];
          export const read = [readFileSync(new URL("./data.txt", import.meta.url), "utf8"), readFileSync(fileURLToPath(new URL("data.json", import.meta.url)), "utf8"), json, text];
          if (import.meta.main) throw new Error("This is no program");`,
          "data.txt": "some text",
          "data.json": '{ "some": "json" }',
        },
        module,
      ),
      ...packageOf("reads-script", {
        "index.js": `
          const { readFileSync } = require("node:fs"); const { join } = require("node:path");
          exports.seen = [__filename, __dirname, readFileSync(join(__dirname, "data.txt"), "utf8"), require("./data.json"), require("./inner").parent];
          exports.module = [module.filename, module.id, module.loaded, module.paths[0], module.children.length >= 0, typeof module.require, typeof require.cache, typeof require.main];
          exports.resolved = [require.resolve("./data.txt"), require.resolve("./inner"), require.resolve("reads-script"), require.resolve.paths?.("x")?.[0]];
          exports.isMain = require.main === module;
          if (require.main === module) throw new Error("This is no program");`,
        "inner.js":
          "exports.parent = module.parent ? module.parent.filename : null; if (!module.parent) throw new Error('This is no program');",
        "data.txt": "some text",
        "data.json": '{ "some": "json" }',
      }),
      "program.ts": `
        import * as reads from "reads";
        import script from "reads-script";
        export const observe = () => [reads, script];`,
    });
    expect(seen).toMatchObject([{ meta: { main: false } }, { isMain: false }]);
  });

  test("what they load by names that they compute: the same instances", async () => {
    const seen = await isSame({
      ...packageOf(
        "loads",
        {
          "index.js": `
          import { createRequire } from "node:module";
          const require = createRequire(import.meta.url);
          const name = (...parts) => parts.join("");
          export const byImport = () => Promise.all([import(name("tar", "get")), import(/* a comment */ name("./in", "ner.js")), import(\`./\${name("in", "ner")}.js\`), import(name("not-", "there")).catch((error) => error.message)]);
          export const byRequire = () => [require("target-script"), require(name("target-", "script")), require(name("./lib", ".cjs"))];`,
          "inner.js": 'import { target } from "target"; export { target };',
          "lib.cjs": `
          const name = (...parts) => parts.join("");
          const load = require;
          exports.loaded = [require(name("target-", "script")), load("target-script"), load(name("./in", "side.cjs"))];
          exports.resolved = require.resolve(name("target", ""));
          exports.error = (() => { try { require(name("not-", "there")); } catch (error) { return error.message; } })();`,
          "inside.cjs": "exports.inside = __filename;",
        },
        module,
      ),
      ...packageOf("target", { "index.js": "export const target = { count: 0 };" }, module),
      ...packageOf("target-script", { "index.js": "exports.target = {};" }),
      "program.ts": `
        import { byImport, byRequire } from "loads";
        import { target } from "target";
        import * as script from "target-script";
        export async function observe() {
          const [a, b, c, missing] = await byImport();
          const [d, e, lib] = byRequire();
          return [a.target === target, b.target === target, b === c, missing, [d, e, ...lib.loaded].map((one: any) => one.target === script.target), lib.loaded[2], lib.resolved, lib.error];
        }`,
    });
    expect((seen as unknown[]).slice(0, 5)).toEqual([
      true,
      true,
      true,
      expect.stringContaining("not-there"),
      [true, true, true, true, false],
    ]);
  });

  test("a package that no import names, loaded by one that computes its name: the same instances, or refused", async () => {
    const program = {
      ...packageOf(
        "host",
        {
          "index.js":
            'import "./inner.js"; export * from "./shared.js"; export const load = (name) => import(name);',
          "inner.js": "export const inner = {};",
          "shared.js": "export const shared = {};",
        },
        module,
      ),
      ...packageOf(
        "driver",
        { "index.js": 'export { shared } from "host/shared.js"; export const driver = 1;' },
        { ...module, peerDependencies: { host: "*" } },
      ),
    };
    const late =
      'import { load, shared } from "host"; export const observe = async () => { const it = await load("driver"); return [it.driver, it.shared === shared]; };';
    const manifest = JSON.stringify({ name: "program", dependencies: { host: "*", driver: "*" } });
    expect(await isSame({ ...program, "package.json": manifest, "program.ts": late })).toEqual([1, true]);
    const early =
      'import { load, shared } from "host"; const it = await load("driver"); export const observe = () => [it.driver, it.shared === shared];';
    const why = /host\/index\.js loads \S+driver\/index\.js, which no import names$/;
    expect(await isRefused({ ...program, "program.ts": early }, why)).toEqual([1, true]);
  });

  test("wrapped scripts that hand require() on", async () => {
    await isSame({
      ...packageOf("wrapped", {
        "index.js": `
          (function (factory) {
            if (typeof module === "object" && typeof module.exports === "object") { var v = factory(require, exports); if (v !== undefined) module.exports = v; }
            else if (typeof define === "function" && define.amd) { define(["require", "exports"], factory); }
          })(function (require, exports) { "use strict"; exports.inner = require("./inner").inner; });`,
        "inner.js": "exports.inner = __filename;",
      }),
      "program.ts":
        'import { inner } from "wrapped"; import * as all from "wrapped"; export const observe = () => [inner, Object.keys(all)];',
    });
  });

  test("a stylesheet or the like cannot be compiled", async () => {
    await isRefused(
      {
        ...packageOf(
          "styled",
          { "index.js": 'import wasm from "./code.wasm"; export const kind = typeof wasm;', "code.wasm": "" },
          module,
        ),
        "program.ts": 'import { kind } from "styled"; export const observe = () => kind;',
      },
      /styled\/index\.js imports \S+styled\/code\.wasm, which cannot be part of an executable$/,
    );
  });

  test("a package that looks for the file of its caller, as those do that load addons", async () => {
    const seen = await isSame({
      ...packageOf("finds-caller", {
        "index.js": `
          exports.caller = () => {
            const before = Error.prepareStackTrace;
            Error.prepareStackTrace = (_, sites) => sites;
            const sites = new Error().stack;
            Error.prepareStackTrace = before;
            return sites.map((site) => site.getFileName()).find((file) => file !== __filename);
          };`,
      }),
      ...packageOf(
        "caller",
        { "index.js": 'import { caller } from "finds-caller"; export const found = () => String(caller());' },
        module,
      ),
      "program.ts":
        'import { found } from "caller"; import { caller } from "finds-caller"; const run = () => found() + ""; export const observe = () => [run(), caller()];',
    });
    expect(seen).toEqual([
      expect.stringMatching(/^\/.*caller\/index\.js$/),
      expect.stringMatching(/program\.ts$/),
    ]);
  });

  test("stacks: the lines of the user's files, and the files of packages", async () => {
    const seen = await isSame({
      ...packageOf(
        "calls",
        {
          "index.js":
            "\n\nexport function callBack(run) {\n  return run();\n}\nexport function fail() {\n  throw new Error('from the package');\n}",
        },
        module,
      ),
      "program.ts": `
        import { callBack, fail } from "calls";
        function thrower(): never {
          throw new Error("from the program");
        }
        const stackOf = (run: () => unknown) => {
          try {
            run();
          } catch (error) {
            return (error as Error).stack!.split("\\n").filter((line) => /program\\.ts|calls/.test(line)).map((line) => line.trim().replace("package:", ""));
          }
        };
        export const observe = () => [stackOf(thrower), stackOf(() => callBack(thrower)), stackOf(fail), stackOf(() => callBack(fail))];`,
    });
    expect(JSON.stringify(seen)).toContain("program.ts:4:");
    expect(JSON.stringify(seen)).toContain("node_modules/calls/index.js:7:");
  });
});
