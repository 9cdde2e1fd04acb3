/**
 * Makes dist/, what the published package carries besides its source:
 *
 *     dist/types/       declarations, for users whose compiler options are not ours
 *     dist/client.js    the client for runtimes that read no TypeScript
 *     dist/swagger-ui/  the files of the page at /swagger, compressed, with their license
 *
 *     bun scripts/build.ts
 */
import { cp, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { compressSwaggerAsset, swaggerAssets } from "../src/http/swagger-assets.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = `${root}dist`;

await rm(dist, { recursive: true, force: true });
await Promise.all([writeTypes(), writeClient(), writeSwaggerUi()]);

async function writeTypes(): Promise<void> {
  const compiler = Bun.spawn(["node_modules/.bin/tsc", "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
  });
  if ((await compiler.exited) !== 0) throw new Error("The declarations could not be written");
}

async function writeClient(): Promise<void> {
  const options = { target: "browser", format: "esm", packages: "external" } as const;
  await Bun.build({ ...options, entrypoints: [`${root}src/client/client.ts`], outdir: dist });
}

async function writeSwaggerUi(): Promise<void> {
  for (const name of swaggerAssets)
    await Bun.write(`${dist}/swagger-ui/${name}.gz`, await compressSwaggerAsset(name));
  const source = dirname(Bun.resolveSync("swagger-ui-dist/package.json", root));
  const licenses = ["LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"];
  for (const name of licenses) await cp(`${source}/${name}`, `${dist}/swagger-ui/${name}`);
}
