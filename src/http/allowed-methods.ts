/** Tells a route that does not exist from one that exists under another method. */
import type { AnyElysia } from "elysia";
import { MotusError } from "../errors.ts";

export class AllowedMethods {
  readonly #routes: { pattern: RegExp; method: string }[];

  constructor(app: AnyElysia) {
    this.#routes = app.routes.map(({ path, method }) => ({
      method,
      pattern: new RegExp(
        `^${path
          .replace(/\/+$/, "")
          .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
          .replace(/:[^/]+/g, "[^/]+")}/?$`,
      ),
    }));
  }

  /** What to say to a request that no route takes. */
  explain(method: string, path: string): MotusError {
    const methods = new Set(
      this.#routes.filter(({ pattern }) => pattern.test(path)).map((route) => route.method),
    );
    if (methods.size === 0) {
      return new MotusError(
        "route_not_found",
        `Cannot find ${path}: the routes of this server are listed at /swagger`,
      );
    }
    if (methods.has("GET")) methods.add("HEAD");
    const allow = [...methods].join(", ");
    return new MotusError("method_not_allowed", `Cannot ${method} ${path}: it takes ${allow}`, {
      headers: { Allow: allow },
    });
  }
}
