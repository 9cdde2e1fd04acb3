import { Type } from "@sinclair/typebox";
import { Elysia } from "elysia";
import { TurnSchema } from "../protocol/session.ts";
import type { Motus } from "../server/motus.ts";
import { sessionView, turnView } from "../server/session-view.ts";
import { sessionsFor } from "./access/caller.ts";
import { once, reply } from "./idempotency.ts";
import { bodyErrors, idempotencyErrors, models, problems, sessionParams } from "./models.ts";

const turnParams = Type.Object({
  ...sessionParams.properties,
  turn_id: Type.String({ description: "The turn's id", examples: ["0b9d7c52-6f0e-4d0a-9a55-3c1f2b7e8d10"] }),
});

export function turnRoutes(motus: Motus) {
  return new Elysia({ name: "turn-routes", tags: ["turns"] })
    .use(models)
    .post(
      "/sessions/:id/resume",
      async ({ params, body, path, request, set }) => {
        const answer = await once(motus, { request, path, body }, async () => {
          const sessions = sessionsFor(motus, request);
          const { sessionId, status } = await sessions.resume(params.id, body.interrupt_id, body.value);
          return { status: 200, body: { session_id: sessionId, status } };
        });
        return reply(set, answer);
      },
      {
        params: sessionParams,
        body: "Resume",
        response: {
          200: "Resumed",
          ...problems(
            ...bodyErrors,
            "session_not_found",
            "interrupt_not_found",
            "session_not_interrupted",
            "interrupt_answered",
            "store_unavailable",
            ...idempotencyErrors,
          ),
        },
        detail: {
          operationId: "resumeTurn",
          summary: "Answer a question of the turn",
          description: "The same answer may be given again and is answered alike; another one is refused.",
        },
      },
    )
    .post(
      "/sessions/:id/cancel",
      async ({ params, path, request, set }) => {
        const answer = await once(motus, { request, path }, async () => {
          const session = await sessionsFor(motus, request).cancel(params.id);
          return { status: 202, location: `/sessions/${params.id}`, body: sessionView(session) };
        });
        return reply(set, answer);
      },
      {
        params: sessionParams,
        response: {
          202: "Session",
          ...problems(
            ...bodyErrors,
            "session_not_found",
            "session_not_running",
            "store_unavailable",
            ...idempotencyErrors,
          ),
        },
        detail: {
          operationId: "cancelTurn",
          summary: "Stop the turn, whether it waits, runs or asks",
          description:
            "Answered when the turn has ended and its process is gone; the session can be used at once.",
        },
      },
    )
    .get(
      "/sessions/:id/turns",
      async ({ params, request }) => (await sessionsFor(motus, request).turns(params.id)).map(turnView),
      {
        params: sessionParams,
        response: { 200: Type.Array(TurnSchema), ...problems("session_not_found") },
        detail: { operationId: "listTurns", summary: "The last hundred ended turns, oldest first" },
      },
    )
    .get(
      "/sessions/:id/turns/:turn_id",
      async ({ params, request }) =>
        turnView(await sessionsFor(motus, request).turn(params.id, params.turn_id)),
      {
        params: turnParams,
        response: { 200: "Turn", ...problems("session_not_found", "turn_not_found") },
        detail: { operationId: "getTurn", summary: "How a turn ended and what it cost" },
      },
    )
    .get(
      "/sessions/:id/turns/:turn_id/logs",
      async ({ params, request }) => sessionsFor(motus, request).logs(params.id, params.turn_id),
      {
        params: turnParams,
        response: { 200: "TurnLogs", ...problems("session_not_found", "turn_not_found") },
        detail: {
          operationId: "getTurnLogs",
          summary: "What a turn's process wrote, also while it runs",
          description: "The last 64 kB of each stream, with times; kept for the last ten turns of a session.",
        },
      },
    );
}
