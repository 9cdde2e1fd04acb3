import { describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { parseImportPath, resolveModule } from "../../src/agent/import-path.ts";
import { loadAgent } from "../../src/agent/load-agent.ts";

const folder = fileURLToPath(new URL("../fixtures/projects/paths/", import.meta.url));
const agents = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));

describe("parseImportPath()", () => {
  for (const [path, module, exportName] of [
    ["app.ts:agent", "app.ts", "agent"],
    ["app", "app", "default"],
    ["@scope/package:agent", "@scope/package", "agent"],
    ["./a:b/app.ts:agent", "./a:b/app.ts", "agent"],
  ] as const) {
    test(path, () => expect(parseImportPath(path)).toEqual({ module, exportName }));
  }

  for (const path of ["", ":agent", "app.ts:"]) {
    test(`refuses "${path}"`, () => expect(() => parseImportPath(path)).toThrow("write it as module:export"));
  }
});

describe("resolveModule() finds", () => {
  for (const [module, file] of [
    ["./app.ts", "app.ts"],
    ["app.ts", "app.ts"],
    ["app", "app.ts"],
    ["./src/agents", "src/agents.ts"],
    ["src/agents.ts", "src/agents.ts"],
    ["src.agents", "src/agents.ts"],
    ["src.deep.app", "src/deep/app.ts"],
    ["plain", "plain.js"],
    ["pkg.with.dots/app", "pkg.with.dots/app.ts"],
    [`${folder}app`, "app.ts"],
    ["../paths/app", "app.ts"],
    ["@lib/helper", "lib/helper.ts"],
    ["agent-package", "node_modules/agent-package/main.js"],
  ] as const) {
    test(module, () => expect(resolveModule(module, folder)).toBe(folder + file));
  }

  test("nothing, and says what it looked for and what is there", () => {
    expect(() => resolveModule("ap", folder)).toThrow(
      `Cannot find the agent's module "ap": looked for the file ./ap, the package or path "ap" from ${folder}, ` +
        "and found app.ts, plain.js in",
    );
    expect(() => resolveModule("./none/app", folder)).toThrow("and found no folder none there");
    expect(() => resolveModule("lib.x", folder)).toThrow(
      "the file ./lib.x, the file ./lib/x, the package or path",
    );
  });
});

describe("loadAgent() takes", () => {
  for (const [name, kind] of [
    ["syncFunction", "function"],
    ["asyncFunction", "async function"],
    ["generator", "generator"],
    ["asyncGenerator", "async generator"],
    ["object", "object with runTurn"],
    ["generatorObject", "object with runTurn"],
  ] as const) {
    test(name, async () => expect((await loadAgent(`forms.ts:${name}`, agents)).kind).toBe(kind));
  }

  test("what an object's prepare() warns of", async () => {
    expect((await loadAgent("forms.ts:object", agents)).warnings).toEqual([]);
    expect((await loadAgent("forms.ts:warned", agents)).warnings).toEqual(["no key"]);
  });

  test("the default export when no other is named", async () => {
    expect((await loadAgent("forms", agents)).kind).toBe("function");
    await expect(loadAgent("echo.ts", agents)).rejects.toThrow("has no default export, it exports agent");
  });
});
