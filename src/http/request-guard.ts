/**
 * Keeps web pages out that were not invited. A browser sends a page's origin with every request that can
 * change something, so a foreign one is refused before anything else looks at the request.
 */
import { cors } from "@elysiajs/cors";
import { Elysia } from "elysia";
import { MotusError } from "../errors.ts";
import { isLoopback } from "../server/is-loopback.ts";
import { problemResponse } from "./error-handler.ts";

export function requestGuard(host: string, corsOrigins: readonly string[]) {
  const guard = new Elysia({ name: "request-guard" }).onRequest(({ request }) => {
    const named = request.headers.get("host");
    if (named !== null && isLoopback(host) && !isOurName(named, corsOrigins)) {
      return problemResponse(
        new MotusError(
          "host_forbidden",
          `Cannot answer to the name ${named}: a page that makes a name lead here could use the agent; call the server as ` +
            `${host}, or start it with --cors-origin http://${named}`,
        ),
      );
    }
    if (formTypes.test(request.headers.get("content-type") ?? "")) {
      return problemResponse(
        new MotusError(
          "unsupported_media_type",
          "Cannot read a form: send JSON with the header Content-Type: application/json",
          { headers: { Accept: "application/json" } },
        ),
      );
    }
    const origin = request.headers.get("origin");
    if (origin === null || isOwn(origin, request) || isInvited(origin, corsOrigins)) return undefined;
    if (request.method === "GET" || request.method === "HEAD") return undefined; // Unreadable for that page.
    return problemResponse(
      new MotusError(
        "origin_forbidden",
        `Cannot accept a request from a web page of ${origin}${origin === "null" ? "" : `: start the server with --cors-origin ${origin} to allow it`}`,
      ),
    );
  });
  if (corsOrigins.length === 0) return guard;
  return guard.use(
    cors({
      origin: corsOrigins.includes("*") ? true : [...corsOrigins],
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowedHeaders: ["Content-Type", "Authorization", "Last-Event-ID", "Idempotency-Key"],
      exposeHeaders: [
        "Location",
        "Content-Location",
        "Link",
        "Retry-After",
        "WWW-Authenticate",
        "Idempotent-Replayed",
        "RateLimit",
        "RateLimit-Policy",
      ],
      credentials: false,
    }),
  );
}

/** What a page's form sends, also when it is empty. */
const formTypes = /^(application\/x-www-form-urlencoded|multipart\/form-data)\b/i;

/** A server on loopback is called by loopback names; any other name comes from a page that had it lead here. */
function isOurName(named: string, corsOrigins: readonly string[]): boolean {
  const { hostname } = URL.parse(`http://${named}`) ?? { hostname: "" };
  if (isLoopback(hostname.replace(/^\[|\]$/g, "")) || hostname.endsWith(".localhost")) return true;
  return corsOrigins.some((origin) => origin === "*" || new URL(origin).hostname === hostname);
}

function isOwn(origin: string, request: Request): boolean {
  return URL.canParse(origin) && new URL(origin).host === request.headers.get("host");
}

function isInvited(origin: string, corsOrigins: readonly string[]): boolean {
  return corsOrigins.includes("*") || corsOrigins.includes(origin);
}
