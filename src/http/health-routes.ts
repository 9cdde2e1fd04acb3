import { Elysia } from "elysia";
import { MotusError } from "../errors.ts";
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
        if (motus.isReady) return { status: "ready" as const };
        throw new MotusError("shutting_down", "Not ready: the server is starting or shutting down", {
          headers: { "Retry-After": "1" },
        });
      },
      {
        response: { 200: "Ready", ...problems("shutting_down") },
        detail: { operationId: "getReady", summary: "Whether new turns are accepted" },
      },
    );
}
