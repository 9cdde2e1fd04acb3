import { Elysia, t } from "elysia";
import { MotusError } from "../errors.ts";
import { dropNulls } from "../protocol/drop-nulls.ts";
import { CreateSessionSchema } from "../protocol/http.ts";
import { SessionSummarySchema } from "../protocol/session.ts";
import type { Motus } from "../server/motus.ts";
import { sessionSummary, sessionView } from "../server/session-view.ts";
import type { Session } from "../session/session.ts";
import { sessionsFor } from "./access/caller.ts";
import { bodyFields } from "./body-fields.ts";
import { once, reply } from "./idempotency.ts";
import { idleTimeoutSeconds } from "./idle-timeout.ts";
import { jsonArrayBody } from "./json-array-body.ts";
import { bodyErrors, idempotencyErrors, models, problems, sessionParams, streamed } from "./models.ts";

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

const listQuery = t.Object({
  limit: t.Optional(
    t.Integer({ title: "limit", minimum: 1, maximum: 1000, description: "Sessions a page; without it, all" }),
  ),
  after: t.Optional(
    t.Integer({
      title: "after",
      minimum: 0,
      description: "Where the page before ended: take it from its Link header",
    }),
  ),
  status: t.Optional(
    t.Union([t.Literal("idle"), t.Literal("running"), t.Literal("interrupted"), t.Literal("error")], {
      description: "Only sessions with this status",
    }),
  ),
});

const waitQuery = t.Object({
  wait: t.Optional(
    t.Boolean({ description: "Answer when no turn runs any more, or when it asks a person", default: false }),
  ),
  timeout: t.Optional(
    t.Number({
      title: "timeout",
      minimum: 0,
      description: "Seconds to wait at most; then the session comes as it is",
    }),
  ),
});

export function sessionRoutes(motus: Motus) {
  return new Elysia({ name: "session-routes", tags: ["sessions"] })
    .use(models)
    .post(
      "/sessions",
      async ({ body, path, request, set }) => {
        const answer = await once(motus, { request, path, body }, async (attempt) =>
          created(await sessionsFor(motus, request).createSession({ ...body, attempt })),
        );
        return reply(set, answer);
      },
      {
        transform: withoutNulls,
        body: t.Optional(CreateSessionSchema),
        response: {
          201: "Session",
          ...problems(...bodyErrors, "session_limit_reached", "store_unavailable", ...idempotencyErrors),
        },
        detail: { operationId: "createSession", summary: "Start a conversation" },
      },
    )
    .put(
      "/sessions/:id",
      async ({ params, body, request, set }) => {
        if (!motus.options.allowCustomIds) {
          throw new MotusError("custom_ids_disabled", "Custom session IDs are not enabled", {
            headers: { Allow: "GET, HEAD, PATCH, DELETE" },
          });
        }
        if (!uuid.test(params.id))
          throw new MotusError("session_id_invalid", "Session ID must be a valid UUID");
        const sessions = sessionsFor(motus, request);
        return reply(set, created(await sessions.createSession({ ...body, sessionId: params.id })));
      },
      {
        transform: withoutNulls,
        params: sessionParams,
        body: t.Optional(CreateSessionSchema),
        response: {
          201: "Session",
          ...problems(
            ...bodyErrors,
            "session_id_invalid",
            "custom_ids_disabled",
            "session_exists",
            "session_limit_reached",
            "store_unavailable",
          ),
        },
        detail: {
          operationId: "createSessionWithId",
          summary: "Start a conversation under an id of your own",
          description: "Only with `--allow-custom-ids`.",
        },
      },
    )
    .get(
      "/sessions",
      async ({ query, request, set }) => {
        const { limit } = query;
        // One more than asked for tells whether there is a next page.
        const sessions = await sessionsFor(motus, request).listSessions({
          ...query,
          ...(limit !== undefined && { limit: limit + 1 }),
        });
        const page = limit === undefined ? sessions : sessions.slice(0, limit);
        const last = page.at(-1);
        if (last !== undefined && page.length < sessions.length) {
          const next = new URLSearchParams({
            ...(query.status && { status: query.status }),
            limit: String(limit),
            after: String(last.ordinal),
          });
          set.headers.link = `</sessions?${next}>; rel="next"`;
        }
        return jsonArrayResponse(summaries(page), set.headers);
      },
      {
        query: listQuery,
        detail: {
          operationId: "listSessions",
          summary: "List conversations, oldest first",
          responses: {
            200: streamed("The sessions", SessionSummarySchema, ["Link"]),
            ...problems("validation_failed"),
          },
        },
      },
    )
    .get(
      "/sessions/:id",
      async ({ params, query, request, server }) => {
        const sessions = sessionsFor(motus, request);
        if (query.wait !== true) return sessionView(await sessions.getSession(params.id));
        // The runtime closes connections that are silent for seconds, and a turn may be silent for hours.
        server?.timeout(request, 0);
        try {
          const timeoutMs = query.timeout === undefined ? {} : { timeoutMs: query.timeout * 1_000 };
          const wait = { signal: request.signal, ...timeoutMs };
          return sessionView(await sessions.waitForSession(params.id, wait));
        } finally {
          server?.timeout(request, idleTimeoutSeconds);
        }
      },
      {
        // As Python's clients write them.
        transform: ({ query }: { query: { wait?: unknown } }) => {
          if (/^(true|1)$/i.test(String(query.wait))) query.wait = "true";
          if (/^(false|0)$/i.test(String(query.wait))) query.wait = "false";
        },
        params: sessionParams,
        query: waitQuery,
        response: { 200: "Session", ...problems("session_not_found", "validation_failed") },
        detail: { operationId: "getSession", summary: "Look at a conversation, or wait for its turn to end" },
      },
    )
    .patch(
      "/sessions/:id",
      async ({ params, body, request }) =>
        sessionView(await sessionsFor(motus, request).setMetadata(params.id, body.metadata)),
      {
        params: sessionParams,
        body: "UpdateSession",
        response: { 200: "Session", ...problems(...bodyErrors, "session_not_found", "store_unavailable") },
        detail: { operationId: "updateSession", summary: "Replace the metadata" },
      },
    )
    .delete(
      "/sessions/:id",
      async ({ params, request, set }) => {
        await sessionsFor(motus, request).deleteSession(params.id);
        set.status = 204;
      },
      {
        params: sessionParams,
        response: {
          204: t.Void({ description: "The session is gone" }),
          ...problems(...bodyErrors, "session_not_found", "store_unavailable"),
        },
        detail: { operationId: "deleteSession", summary: "End a conversation; its running turn is killed" },
      },
    );
}

function created(session: Session) {
  return { status: 201, location: `/sessions/${session.sessionId}`, body: sessionView(session) };
}

function withoutNulls(context: { body: unknown }): void {
  if (context.body === undefined) return;
  const body = bodyFields(context.body);
  context.body = Array.isArray(body.state) ? { ...body, state: body.state.map(dropNulls) } : body;
}

function* summaries(sessions: readonly Session[]): Generator<string> {
  for (const session of sessions) yield JSON.stringify(sessionSummary(session));
}

export function jsonArrayResponse(items: Iterable<string>, headers: Record<string, unknown> = {}): Response {
  return new Response(jsonArrayBody(items), {
    headers: { ...(headers as Record<string, string>), "content-type": "application/json" },
  });
}
