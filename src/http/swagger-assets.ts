/**
 * The page of Swagger UI and its files. The published package carries them compressed (scripts/build.ts); a
 * checkout takes them from the development dependency, because a dependency of users would run its install
 * script there.
 */
import { fileURLToPath } from "node:url";

/** The files of Swagger UI that the page needs. */
export const swaggerAssets = ["swagger-ui-bundle.js", "swagger-ui.css"] as const;

export const swaggerPage = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>motus API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/swagger/assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/swagger/assets/swagger-ui-bundle.js"></script>
<script src="/swagger/assets/start.js"></script>
</body>
</html>
`;

/** The script that starts the page; apart from it, so that the policy can forbid scripts inside pages. */
export const swaggerStart = `const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);
SwaggerUIBundle({ url: "/swagger/json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
`;

export const swaggerPolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'";

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
