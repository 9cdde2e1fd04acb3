/**
 * The files of Swagger UI. The published package carries them compressed (scripts/build.ts); a checkout takes
 * them from the development dependency, because a dependency of users would run its install script there.
 */
import { fileURLToPath } from "node:url";

/** The files of Swagger UI that the page needs. */
export const swaggerAssets = ["swagger-ui-bundle.js", "swagger-ui.css"] as const;

const built = fileURLToPath(new URL("../../dist/swagger-ui/", import.meta.url));

/** One file, gzipped. */
export async function swaggerAsset(name: (typeof swaggerAssets)[number]): Promise<Uint8Array<ArrayBuffer>> {
  const ready = Bun.file(`${built}${name}.gz`);
  return (await ready.exists()) ? ready.bytes() : compressSwaggerAsset(name);
}

/** One file of the development dependency, gzipped here and now. */
export async function compressSwaggerAsset(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const source = Bun.resolveSync(`swagger-ui-dist/${name}`, import.meta.dir);
  return Bun.gzipSync(await Bun.file(source).bytes());
}
