import { Elysia, t } from "elysia";
import { MotusError } from "../errors.ts";
import type { Motus } from "../server/motus.ts";
import { sessionsFor } from "./access/caller.ts";
import { eventStream, streamHeaders } from "./event-stream.ts";
import { models, problems, sessionParams, streamedEvents } from "./models.ts";

const eventsQuery = t.Object({
  after: t.Optional(
    t.Integer({
      title: "after",
      minimum: 0,
      description: "The number of the last event that you have; the header Last-Event-ID says the same",
    }),
  ),
});

export function eventRoutes(motus: Motus) {
  return new Elysia({ name: "event-routes", tags: ["messages"] }).use(models).get(
    "/sessions/:id/events",
    async ({ params, query, request, server }) => {
      const sessions = sessionsFor(motus, request);
      await sessions.getSession(params.id);
      const after = lastEventId(request) ?? query.after ?? 0;
      // The runtime would wait for the stream's end to say how long it is.
      if (request.method === "HEAD") return new Response(null, { headers: streamHeaders });
      server?.timeout(request, 0);
      return eventStream(sessions, { sessionId: params.id, after, signal: request.signal });
    },
    {
      params: sessionParams,
      query: eventsQuery,
      response: {
        200: streamedEvents("The events; a comment line at least every 15 seconds"),
        ...problems("session_not_found", "validation_failed"),
      },
      detail: {
        operationId: "readEvents",
        summary: "Read what turns say, as it happens",
        description:
          "Server-Sent Events: first those after `Last-Event-ID` (or `after`) that are still held, then live ones. When that " +
          "place is no longer held, a `reset` event brings the session as it is. Swagger UI shows nothing before the " +
          "stream ends; use `curl -N`.",
      },
    },
  );
}

/** The id that a browser sends when it connects again. */
function lastEventId(request: Request): number | undefined {
  const header = request.headers.get("last-event-id");
  if (header === null || header === "") return undefined;
  if (/^\d{1,15}$/.test(header)) return Number(header);
  const errors = [{ field: "Last-Event-ID", message: "must be the id of an event" }];
  throw new MotusError(
    "validation_failed",
    `The headers do not fit: Last-Event-ID must be the id of an event, not "${header}"`,
    {
      errors,
    },
  );
}
