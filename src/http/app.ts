/** The HTTP side of a server: every route, and what all of them have in common. */
import { Elysia, NotFoundError } from "elysia";
import { asksForToken } from "../server/access-options.ts";
import type { Motus } from "../server/motus.ts";
import { door } from "./access/door.ts";
import { AllowedMethods } from "./allowed-methods.ts";
import { docs } from "./docs.ts";
import { errorHandler, problemResponse } from "./error-handler.ts";
import { eventRoutes } from "./event-routes.ts";
import { healthRoutes } from "./health-routes.ts";
import { jsonBody } from "./json-body.ts";
import { messageRoutes } from "./message-routes.ts";
import { requestGuard } from "./request-guard.ts";
import { sessionRoutes } from "./session-routes.ts";
import { turnRoutes } from "./turn-routes.ts";

/**
 * Makes the application; it owns nothing, so it needs no closing.
 *
 * @throws {MotusError} `option_invalid` when a file that says who may call cannot be read.
 */
export function createApp(motus: Motus) {
  const { logger, host, corsOrigins, maxBodyBytes } = motus.options;
  let allowed: AllowedMethods | undefined;
  const app = new Elysia({
    name: "motus",
    // Unknown fields are errors, so Elysia must not strip them before they are seen.
    normalize: false,
    // Elysia looks for the path behind the shortest usual host name, and `http://api/` is shorter.
    handler: { standardHostname: false },
  })
    .onError(({ error, request }) => {
      if (!(error instanceof NotFoundError)) return undefined;
      allowed ??= new AllowedMethods(app);
      return problemResponse(allowed.explain(request.method, new URL(request.url).pathname));
    })
    .use(errorHandler(logger))
    .use(requestGuard(host, corsOrigins))
    .use(door(motus.options))
    .use(jsonBody(maxBodyBytes))
    .use(docs({ asksForToken: asksForToken(motus.options) }))
    .use(healthRoutes(motus))
    .use(sessionRoutes(motus))
    .use(messageRoutes(motus))
    .use(eventRoutes(motus))
    .use(turnRoutes(motus));
  return app;
}

/** The Elysia application, with all its routes in its type. */
export type App = ReturnType<typeof createApp>;
