/**
 * Keeps web pages out that were not invited. A browser sends a page's origin with every request that can
 * change something, so a foreign one is refused before anything else looks at the request.
 */
import { cors } from "@elysiajs/cors";
import { Elysia } from "elysia";
import { MotusError } from "../errors.ts";
import { problemResponse } from "./error-handler.ts";

export function requestGuard(corsOrigins: readonly string[]) {
  const guard = new Elysia({ name: "request-guard" }).onRequest(({ request }) => {
    const origin = request.headers.get("origin");
    if (origin === null || isOwn(origin, request) || isInvited(origin, corsOrigins)) return undefined;
    if (request.method === "GET" || request.method === "HEAD") return undefined; // Unreadable for that page.
    return problemResponse(
      new MotusError(
        "origin_forbidden",
        `Cannot accept a request from a web page of ${origin}: start the server with --cors-origin ${origin} to allow it`,
      ),
    );
  });
  if (corsOrigins.length === 0) return guard;
  return guard.use(
    cors({
      origin: corsOrigins.includes("*") ? true : [...corsOrigins],
      methods: ["GET", "POST", "PUT", "PATCH", "DELETE"],
      allowedHeaders: ["Content-Type", "Authorization", "Last-Event-ID", "Idempotency-Key"],
      exposeHeaders: ["Location", "Link", "Retry-After"],
      credentials: false,
    }),
  );
}

function isOwn(origin: string, request: Request): boolean {
  return URL.canParse(origin) && new URL(origin).host === request.headers.get("host");
}

function isInvited(origin: string, corsOrigins: readonly string[]): boolean {
  return corsOrigins.includes("*") || corsOrigins.includes(origin);
}
