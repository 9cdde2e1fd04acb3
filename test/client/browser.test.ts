import { expect, test } from "bun:test";
import { fileURLToPath } from "node:url";

test("the client needs nothing at run time but a parser of events, so that it runs in browsers", async () => {
  const entry = fileURLToPath(new URL("../../src/client/client.ts", import.meta.url));
  const imports = async (packages: "external" | "bundle") => {
    const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", packages });
    const code = (await outputs[0]?.text()) ?? "";
    expect(code).toContain("class MotusClient");
    return new Bun.Transpiler({ loader: "js" }).scanImports(code).map(({ path }) => path);
  };
  expect(await imports("external")).toEqual(["eventsource-parser"]);
  expect(await imports("bundle")).toEqual([]);
});
