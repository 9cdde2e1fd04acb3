/** The OpenAPI document at /swagger/json and Swagger UI at /swagger, without any outside asset. */
import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import { version } from "../version.ts";
import { type OpenApiDocument, tidyDocument } from "./openapi-document.ts";
import { swaggerAsset } from "./swagger-assets.ts";

const page = `<!doctype html>
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

const start = `const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
follow();
dark.addEventListener("change", follow);
SwaggerUIBundle({ url: "/swagger/json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null });
`;

const contentSecurityPolicy =
  "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; script-src 'self'";

const hidden = { detail: { hide: true } };

export function docs() {
  return (
    new Elysia({ name: "docs" })
      .onAfterHandle(({ path, responseValue }) =>
        path === "/swagger/json" ? tidyDocument(responseValue as OpenApiDocument) : undefined,
      )
      .use(
        swagger({
          provider: "swagger-ui",
          path: "/swagger",
          documentation: {
            // The plugin's type knows 3.0 only; what it writes is 3.1 once it is tidied.
            ...({ openapi: "3.1.0" } as object),
            info: {
              title: "motus",
              version,
              description: "Conversations with an agent: every turn runs in a process of its own.",
              license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
            },
            tags: [
              { name: "sessions", description: "Conversations" },
              { name: "messages", description: "What is said in them" },
              { name: "server", description: "The server itself" },
            ],
          },
        }),
      )
      // Static answers, registered after the plugin, win over its own page, which loads from a CDN.
      .get(
        "/swagger",
        answer(page, "text/html; charset=utf-8", { "content-security-policy": contentSecurityPolicy }),
        hidden,
      )
      .get("/swagger/assets/start.js", answer(start, "text/javascript; charset=utf-8"), hidden)
      .get(
        "/swagger/assets/swagger-ui-bundle.js",
        () => gzipped("swagger-ui-bundle.js", "text/javascript; charset=utf-8"),
        hidden,
      )
      .get(
        "/swagger/assets/swagger-ui.css",
        () => gzipped("swagger-ui.css", "text/css; charset=utf-8"),
        hidden,
      )
  );
}

function answer(body: string, type: string, headers: Record<string, string> = {}): Response {
  return new Response(body, {
    headers: { ...headers, "content-type": type, "x-content-type-options": "nosniff" },
  });
}

async function gzipped(name: Parameters<typeof swaggerAsset>[0], type: string): Promise<Response> {
  const headers = {
    "content-type": type,
    "content-encoding": "gzip",
    "cache-control": "public, max-age=86400",
  };
  return new Response(await swaggerAsset(name), { headers });
}
