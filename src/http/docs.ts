/** The OpenAPI document at /swagger/json and Swagger UI at /swagger, without any outside asset. */
import { swagger } from "@elysiajs/swagger";
import { Elysia } from "elysia";
import type { Problem } from "../protocol/http.ts";
import { version } from "../version.ts";
import { modelExamples } from "./models.ts";
import { references, tidyDocument } from "./openapi-document.ts";
import { swaggerAsset, swaggerPage, swaggerPolicy, swaggerStart } from "./swagger-assets.ts";

const header = (description: string, schema: object, example: unknown) => ({
  description,
  schema: { ...schema, examples: [example] },
});

/** An answer that any route may give. */
const anyRoute = (problem: Problem, description: string, headers: string[], content = {}) => ({
  description,
  headers: references(headers),
  content: {
    "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" }, example: problem },
    ...content,
  },
});

const documentation = {
  openapi: "3.1.0",
  info: {
    title: "motus",
    version,
    summary: "Conversations with an agent, every turn in a process of its own",
    description:
      "Start a session, send it messages, and read or await what the agent answers:\n\n" +
      "1. `POST /sessions` starts a conversation.\n" +
      "2. `POST /sessions/{id}/messages` says something. The answer is 202: a turn was accepted.\n" +
      "3. `GET /sessions/{id}?wait=true` answers when the turn has ended, with the agent's response.\n\n" +
      "A body is JSON in UTF-8, nested no deeper than 200 levels, and no field in it is named `__proto__`. A field that the " +
      "schema does not name is an error; `null` for one that may be left out, in a message of a state and in a webhook too, " +
      "is the same as leaving it out.\n\n" +
      "Errors are problem documents (RFC 9457). Branch on their `code`; it never changes its meaning.",
    license: { name: "Apache-2.0", url: "https://www.apache.org/licenses/LICENSE-2.0" },
  },
  servers: [{ url: "/", description: "This server" }],
  tags: [
    { name: "sessions", description: "Conversations" },
    { name: "messages", description: "What is said in them" },
    { name: "turns", description: "What handles a message, and what it cost" },
    { name: "server", description: "The server itself" },
  ],
  components: {
    headers: {
      Location: header(
        "The path of the session",
        { type: "string" },
        "/sessions/7f3e2c1a-4b5d-4e6f-8a9b-0c1d2e3f4a5b",
      ),
      Link: header(
        "The next page, as RFC 8288 has it; absent on the last one",
        { type: "string" },
        '</sessions?limit=100&after=100>; rel="next"',
      ),
      "Retry-After": header("Seconds after which to try again", { type: "integer" }, 1),
      Allow: header("The methods that are allowed here", { type: "string" }, "GET, HEAD, PATCH, DELETE"),
      Accept: header("The media type to send", { type: "string" }, "application/json"),
      "WWW-Authenticate": header("That a bearer token is wanted", { type: "string" }, "Bearer"),
      RateLimit: header(
        "With `--rate-limit`: the requests that are left, and the seconds until all are",
        { type: "string" },
        '"requests";r=0;t=2',
      ),
      "RateLimit-Policy": header(
        "With `--rate-limit`: the requests that may come at once, and the seconds in which they come back",
        { type: "string" },
        '"requests";q=20;w=2',
      ),
      "Idempotent-Replayed": header(
        "`true` when the request came before with its `Idempotency-Key`",
        { type: "string" },
        "true",
      ),
    },
    parameters: {
      IdempotencyKey: {
        name: "Idempotency-Key",
        in: "header",
        description:
          "A name of your own for this request, such as a UUID. When it is sent again with the same key and body, within a " +
          "day, the first answer comes again and nothing is done twice",
        schema: {
          type: "string",
          minLength: 1,
          maxLength: 255,
          examples: ["3f1b2c4d-5e6f-4a7b-8c9d-0e1f2a3b4c5d"],
        },
      },
    },
    securitySchemes: {
      bearer: {
        type: "http",
        scheme: "bearer",
        description:
          "A token that the server was started with, or a JWT of the issuer that it trusts. A server on loopback may have " +
          "been started without any",
      },
    },
    responses: {
      Unauthorized: anyRoute(
        {
          type: "about:blank",
          title: "A token is needed",
          status: 401,
          detail:
            "Cannot GET /sessions without a token: send it with the header Authorization: Bearer <token>",
          code: "token_missing",
        },
        "`token_missing`: A token is needed; `token_invalid`: The token is not valid. Whoever accepts `text/html` gets a page",
        ["WWW-Authenticate"],
        { "text/html": { schema: { type: "string" } } },
      ),
      TooManyRequests: anyRoute(
        {
          type: "about:blank",
          title: "Too many requests",
          status: 429,
          detail: "Cannot answer so many requests: 10 a second are allowed; wait 1 s before the next",
          code: "rate_limited",
        },
        "`rate_limited`: Too many requests",
        ["Retry-After", "RateLimit", "RateLimit-Policy"],
      ),
      Problem: anyRoute(
        {
          type: "about:blank",
          title: "The server failed",
          status: 500,
          detail: "The server failed to answer; its log says why",
          code: "internal_error",
        },
        "What any route may say, such as 403 `host_forbidden`, 404 `route_not_found`, 405 `method_not_allowed`, 415 " +
          "`unsupported_media_type`, 500 `internal_error` or 503 `connection_limit_reached`",
        [],
      ),
    },
  },
};

const hidden = { detail: { hide: true } };
const html = "text/html; charset=utf-8";
const javascript = "text/javascript; charset=utf-8";
const css = "text/css; charset=utf-8";

/** @param access `asksForToken`: whether the server's requests need a token. */
export function docs({ asksForToken }: { asksForToken: boolean }) {
  const security = asksForToken ? [{ bearer: [] }] : [];
  // The plugin's type knows 3.0 only; what it writes is 3.1 once it is tidied.
  const described: object = { ...documentation, security };
  return (
    new Elysia({ name: "docs" })
      .onAfterHandle(({ path, responseValue }) =>
        path === "/swagger/json" ? tidyDocument(responseValue as object, modelExamples) : undefined,
      )
      .use(swagger({ provider: "swagger-ui", path: "/swagger", documentation: described }))
      // Static answers, registered after the plugin, win over its own page, which loads from a CDN.
      .get("/swagger", answer(swaggerPage, html, { "content-security-policy": swaggerPolicy }), hidden)
      .get("/swagger/assets/start.js", answer(swaggerStart, javascript), hidden)
      .get("/swagger/assets/swagger-ui-bundle.js", () => gzipped("swagger-ui-bundle.js", javascript), hidden)
      .get("/swagger/assets/swagger-ui.css", () => gzipped("swagger-ui.css", css), hidden)
  );
}

function answer(body: string | Uint8Array<ArrayBuffer>, type: string, headers: Record<string, string> = {}) {
  return new Response(body, {
    headers: { ...headers, "content-type": type, "x-content-type-options": "nosniff" },
  });
}

async function gzipped(name: Parameters<typeof swaggerAsset>[0], type: string): Promise<Response> {
  return answer(await swaggerAsset(name), type, {
    "content-encoding": "gzip",
    "cache-control": "public, max-age=86400",
  });
}
