/** Runs a server from its start to its end, and says in its log what it does. */
import { AgentServer } from "../agent-server.ts";
import type { Logger } from "../logger.ts";
import { isLoopback } from "../server/is-loopback.ts";
import { type AgentServerOptions, resolveOptions } from "../server/options.ts";
import { createLogger, type LogFlags } from "./server-logger.ts";

export interface ServeFlags extends Omit<AgentServerOptions, "corsOrigins" | "logger" | "folder">, LogFlags {
  corsOrigin?: string[];
}

/**
 * Resolves when a signal has ended the server.
 *
 * @throws {MotusError} when it cannot start.
 */
export async function serve(
  agent: string,
  { corsOrigin = [], logLevel, logFormat, ...flags }: ServeFlags,
): Promise<void> {
  const logger = await createLogger({ logLevel, ...(logFormat && { logFormat }) });
  const options = resolveOptions({ ...flags, corsOrigins: corsOrigin, logger });
  const server = new AgentServer(agent, options);
  const signalled = stopOnSignal(server, options.shutdownTimeout, logger);
  try {
    const { url, agent: kind } = await server.listen();
    const { workers, standby } = options;
    logger.info({ url, agent, kind, workers, standby, docs: `${url}/swagger` }, `serving ${agent} on ${url}`);
    if (!isLoopback(options.host)) {
      logger.warn(
        { host: options.host },
        "anyone who can reach this address can use the agent: there is no authentication; put a proxy in front of it that has some",
      );
    }
  } catch (error) {
    // A signal during the start ends the worker that loads the agent, which is no failure of the agent.
    if (!signalled.yet) throw error;
  }
  await signalled.stopped;
  logger.info({}, "stopped");
}

/** The first signal lets running turns end, the second ends them. */
function stopOnSignal(server: AgentServer, shutdownTimeout: number, logger: Logger) {
  const stopped = Promise.withResolvers<void>();
  const state = { yet: false, stopped: stopped.promise };
  const stop = (signal: NodeJS.Signals) => {
    const now = state.yet;
    state.yet = true;
    const what = now
      ? "stopping now: turns that still run are cancelled"
      : "draining: turns that run may end, no more are accepted; a second signal stops at once";
    logger.info({ signal, shutdown_timeout: shutdownTimeout }, what);
    server.stop({ now }).then(stopped.resolve, stopped.reject);
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  return state;
}
