/** Puts the application on an address. */
import { MotusError } from "../errors.ts";
import type { ResolvedOptions } from "../server/options.ts";
import type { App } from "./app.ts";
import { problemResponse } from "./error-handler.ts";
import { idleTimeoutSeconds } from "./idle-timeout.ts";

/** How long answers that are under way may take once everything else has ended. */
const lastAnswersMs = 1_000;

export interface HttpServer {
  url: string;
  port: number;
  /** Closes the address; resolves when the last answers are out. */
  close(): Promise<void>;
}

/** @throws {MotusError} `address_unavailable`. */
export function serveApp(app: App, options: Pick<ResolvedOptions, "host" | "port" | "logger">): HttpServer {
  const { logger } = options;
  // Not app.listen(): its ready-made answers pass by everything that looks at a request, the log included.
  const server = bind(options, async (received) => {
    const request = withAddress(received);
    const startedAt = performance.now();
    const response = await app.fetch(request);
    const { pathname } = new URL(request.url);
    const ms = Math.round((performance.now() - startedAt) * 10) / 10;
    logger.info({ method: request.method, path: pathname, status: response.status, ms }, "request");
    return response;
  });
  app.server = server;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${server.port}`,
    port: server.port ?? options.port,
    close: async () => {
      const late = setTimeout(() => void server.stop(true), lastAnswersMs);
      await server.stop();
      clearTimeout(late);
    },
  };
}

/** Health checks over HTTP/1.0 name no host, and then the request's URL is a path alone. */
function withAddress(request: Request): Request {
  if (URL.canParse(request.url)) return request;
  return new Request(new URL(request.url.replace(/^[^/]*\/*/, "/"), "http://localhost"), request);
}

function bind(
  { host, port }: Pick<ResolvedOptions, "host" | "port">,
  fetch: (request: Request) => Promise<Response>,
) {
  try {
    return Bun.serve({
      hostname: host,
      port,
      idleTimeout: idleTimeoutSeconds,
      // The limit is watched where the body is read, because the runtime's own answer to it has no content.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      development: false,
      // Or a second server would share the port and take half of the requests.
      reusePort: false,
      error: () => problemResponse(new MotusError("internal_error", "The server failed to answer")),
      fetch,
    });
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    const reason =
      code === "EADDRINUSE"
        ? "the port is in use; stop what uses it or choose another with --port"
        : `${(error as Error).message}; choose another address with --host or --port`;
    throw new MotusError("address_unavailable", `Cannot listen on ${host}:${port}: ${reason}`, {
      cause: error,
    });
  }
}
