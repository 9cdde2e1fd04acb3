import { Elysia } from "elysia";
import { ChatMessageSchema } from "../protocol/chat-message.ts";
import { dropNulls } from "../protocol/drop-nulls.ts";
import type { Motus } from "../server/motus.ts";
import { bodyFields } from "./body-fields.ts";
import { eventStream } from "./event-stream.ts";
import { bodyErrors, models, problems, sessionParams, streamed, streamedEvents } from "./models.ts";
import { jsonArrayResponse } from "./session-routes.ts";

export function messageRoutes(motus: Motus) {
  return new Elysia({ name: "message-routes", tags: ["messages"] })
    .use(models)
    .get("/sessions/:id/messages", async ({ params }) => jsonArrayResponse(await motus.messages(params.id)), {
      params: sessionParams,
      detail: {
        operationId: "listMessages",
        summary: "The conversation as the agent keeps it",
        responses: {
          200: streamed("The state; fields without a value are left out", ChatMessageSchema),
          ...problems("session_not_found"),
        },
      },
    })
    .post(
      "/sessions/:id/messages",
      async ({ params, body, set, request, server }) => {
        const { webhook, role = "user", ...fields } = body;
        const isStream = request.headers.get("accept")?.includes("text/event-stream") === true;
        // The turn's events come after those that are there before it is accepted.
        const after = isStream ? (await motus.events(params.id, 0, 0)).lastSeq : 0;
        const turnId = await motus.send(params.id, { role, ...fields }, webhook ?? null);
        if (isStream) {
          server?.timeout(request, 0);
          return eventStream(motus, { sessionId: params.id, after, turnId, signal: request.signal });
        }
        set.status = 202;
        set.headers.location = `/sessions/${params.id}`;
        return { session_id: params.id, status: "running" as const, turn_id: turnId };
      },
      {
        transform: withoutNulls,
        params: sessionParams,
        body: "SendMessage",
        response: {
          200: streamedEvents("This turn's events, when the request accepts text/event-stream"),
          202: "Accepted",
          ...problems(...bodyErrors, "session_not_found", "session_busy", "queue_full", "shutting_down"),
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
