/**
 * What every request passes before anything looks at its body: is there room for it, who makes it, and may that caller
 * ask for more. Only `/health` is for all, always: whoever watches the server must hear from it when it is full.
 */
import { Elysia } from "elysia";
import { MotusError } from "../../errors.ts";
import type { ResolvedOptions } from "../../server/options.ts";
import { problemResponse } from "../error-handler.ts";
import { addressOf } from "./address-of.ts";
import { Authenticator } from "./authenticator.ts";
import { admit, type Caller } from "./caller.ts";
import { RateLimiter } from "./rate-limiter.ts";
import { tokenPage, tokenPagePolicy } from "./token-page.ts";

/** @throws {MotusError} `option_invalid` when a file that the options name cannot be read. */
export function door(options: ResolvedOptions) {
  const { rateLimit, maxConnections } = options;
  const authenticator = new Authenticator(options);
  const limiter = rateLimit > 0 ? new RateLimiter(rateLimit) : undefined;

  return new Elysia({ name: "door" }).onRequest(async (context) => {
    const { request, server, set } = context;
    // The path by which the route is found, and no other reading of the URL; the type of this early context lacks it.
    const { path } = context as typeof context & { path: string };
    if (path === "/health") return undefined;
    if (maxConnections > 0 && server !== null && server.pendingRequests > maxConnections) {
      throw tooManyConnections(maxConnections);
    }
    const count = (caller: string) => Object.assign(set.headers, limiter?.take(caller));
    let caller: Caller;
    try {
      caller = await authenticator.callerOf(request, path);
    } catch (error) {
      // Whoever tries tokens is counted by address, and does not use up what a caller with a token has.
      count(addressOf(request, server));
      if (MotusError.isInstance(error) && error.status === 401 && isPage(request)) {
        return pageInstead(error, request);
      }
      throw error;
    }
    count(authenticator.isOn ? caller.id : addressOf(request, server));
    admit(request, caller);
    return undefined;
  });
}

function tooManyConnections(maxConnections: number): MotusError {
  return new MotusError(
    "connection_limit_reached",
    `Cannot answer: ${maxConnections} requests are open already, those that wait for events or turns among them; try again later`,
    { headers: { "Retry-After": "1", Connection: "close" } },
  );
}

/** Whether a person opens a page in a browser. */
function isPage({ method, headers }: Request): boolean {
  return method === "GET" && headers.get("accept")?.includes("text/html") === true;
}

function pageInstead(error: MotusError, request: Request): Response {
  const { headers } = problemResponse(error);
  headers.set("content-type", "text/html; charset=utf-8");
  headers.set("content-security-policy", tokenPagePolicy);
  headers.set("cache-control", "no-store");
  return new Response(tokenPage(request.url), { status: error.status, headers });
}
