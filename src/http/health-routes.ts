import { Elysia } from "elysia";
import type { Motus } from "../server/motus.ts";
import { models, problems } from "./models.ts";

export function healthRoutes(motus: Motus) {
  return new Elysia({ name: "health-routes", tags: ["server"] })
    .use(models)
    .get("/health", () => motus.health(), {
      response: { 200: "Health" },
      detail: { operationId: "getHealth", summary: "What the server is doing", security: [] },
    })
    .get(
      "/ready",
      () => {
        motus.checkReady();
        return { status: "ready" as const };
      },
      {
        response: { 200: "Ready", ...problems("shutting_down", "store_unavailable", "workers_unavailable") },
        detail: { operationId: "getReady", summary: "Whether new turns are accepted" },
      },
    );
}
