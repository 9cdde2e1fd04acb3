import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

test("the client imports nothing at run time but itself, so that it runs in browsers", async () => {
  const entry = fileURLToPath(new URL("../../src/client/client.ts", import.meta.url));
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", packages: "external" });
  const code = (await outputs[0]?.text()) ?? "";
  expect(code).toContain("class MotusClient");
  expect(new Bun.Transpiler({ loader: "js" }).scanImports(code)).toEqual([]);
  expect(code).not.toMatch(/\b(process|Bun|require|Buffer)\b\s*[.(]/);
  expect(code).not.toContain("typebox");
});
