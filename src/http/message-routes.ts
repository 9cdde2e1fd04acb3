import { Elysia } from "elysia";
import { ChatMessageSchema } from "../protocol/chat-message.ts";
import { dropNulls } from "../protocol/drop-nulls.ts";
import type { Motus } from "../server/motus.ts";
import { sessionsFor } from "./access/caller.ts";
import { bodyFields } from "./body-fields.ts";
import { eventStream } from "./event-stream.ts";
import { once, reply } from "./idempotency.ts";
import {
  bodyErrors,
  idempotencyErrors,
  models,
  problems,
  sessionParams,
  streamed,
  streamedEvents,
} from "./models.ts";
import { jsonArrayResponse } from "./session-routes.ts";

export function messageRoutes(motus: Motus) {
  return new Elysia({ name: "message-routes", tags: ["messages"] })
    .use(models)
    .get(
      "/sessions/:id/messages",
      async ({ params, request }) => jsonArrayResponse(await sessionsFor(motus, request).messages(params.id)),
      {
        params: sessionParams,
        detail: {
          operationId: "listMessages",
          summary: "The conversation as the agent keeps it",
          responses: {
            200: streamed("The state; fields without a value are left out", ChatMessageSchema),
            ...problems("session_not_found"),
          },
        },
      },
    )
    .post(
      "/sessions/:id/messages",
      async ({ params, body, path, set, request, server }) => {
        const sessions = sessionsFor(motus, request);
        const { webhook, role = "user", ...fields } = body;
        const isStream = request.headers.get("accept")?.includes("text/event-stream") === true;
        const answer = await once(motus, { request, path, body }, async (attempt) => {
          // The turn's events come after those that are there before it is accepted.
          const mayBeRead = isStream || attempt !== undefined;
          const isNew = attempt?.isRepeated !== true;
          const after = mayBeRead && isNew ? (await sessions.events(params.id, 0, 0)).lastSeq : 0;
          const turnId = await sessions.send(params.id, { role, ...fields }, webhook ?? null, attempt);
          const accepted = { session_id: params.id, status: "running" as const, turn_id: turnId };
          return { status: 202, location: `/sessions/${params.id}`, after, body: accepted };
        });
        if (!isStream) return reply(set, answer);
        // However the first answer was told: whoever asks for the turn's events gets them, as far as they are held.
        await sessions.getSession(params.id);
        server?.timeout(request, 0);
        const { after = 0, isReplay, body: accepted } = answer;
        const turn = { sessionId: params.id, turnId: accepted.turn_id, after, mayHaveEnded: isReplay };
        return eventStream(sessions, { ...turn, signal: request.signal });
      },
      {
        transform: withoutNulls,
        params: sessionParams,
        body: "SendMessage",
        response: {
          200: streamedEvents("This turn's events, when the request accepts text/event-stream"),
          202: "Accepted",
          ...problems(
            ...bodyErrors,
            "session_not_found",
            "session_busy",
            "queue_full",
            "shutting_down",
            "store_unavailable",
            ...idempotencyErrors,
          ),
        },
        detail: {
          operationId: "sendMessage",
          summary: "Say something: starts a turn",
          description:
            "The answer comes at once; the turn goes on whether or not the client stays. Read its result with " +
            "`GET /sessions/{id}?wait=true`, or name a `webhook` that it is posted to. With `Accept: text/event-stream` the " +
            "answer is 200 and this turn's events up to `turn-end`.",
        },
      },
    );
}

function withoutNulls(context: { body: unknown }): void {
  const body = bodyFields(context.body);
  context.body = "webhook" in body ? { ...body, webhook: dropNulls(body.webhook) } : body;
}
