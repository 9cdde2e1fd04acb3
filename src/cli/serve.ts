/** Runs a server from its start to its end, and says in its log what it does. */
import { AgentServer } from "../agent-server.ts";
import type { Logger } from "../logger.ts";
import { asksForToken } from "../server/access-options.ts";
import { isLoopback } from "../server/is-loopback.ts";
import { type AgentServerOptions, resolveOptions } from "../server/options.ts";
import { splitTokens } from "./parse-value.ts";
import { createLogger, type LogFlags } from "./server-logger.ts";

type OtherOptions = Omit<AgentServerOptions, "corsOrigins" | "tokens" | "logger" | "folder">;

export interface ServeFlags extends OtherOptions, LogFlags {
  corsOrigin?: string[];
  token?: string[];
}

/**
 * Resolves when a signal has ended the server.
 *
 * @throws {MotusError} when it cannot start.
 */
export async function serve(
  agent: string,
  { corsOrigin = [], token = tokensOfEnvironment(), logLevel, logFormat, ...flags }: ServeFlags,
): Promise<void> {
  const logger = await createLogger({ logLevel, ...(logFormat && { logFormat }) });
  const options = resolveOptions({ ...flags, corsOrigins: corsOrigin, tokens: token, logger });
  const server = new AgentServer(agent, options);
  const signalled = stopOnSignal(server, options.shutdownTimeout, logger);
  try {
    const { url, agent: kind } = await server.listen();
    const { workers, standby, store } = options;
    const isOpen = !asksForToken(options);
    const auth = isOpen ? "none" : "token";
    const docs = `${url}/swagger`;
    logger.info({ url, agent, kind, workers, standby, store, auth, docs }, `serving ${agent} on ${url}`);
    if (isOpen && !isLoopback(options.host)) {
      logger.warn(
        { host: options.host },
        "anyone who can reach this address can use the agent: no token is asked for, as --insecure says; keep others out before it",
      );
    }
  } catch (error) {
    // A signal during the start ends the worker that loads the agent, which is no failure of the agent.
    if (!signalled.yet) throw error;
  }
  await signalled.stopped;
  logger.info({}, "stopped");
}

function tokensOfEnvironment(): string[] {
  const text = process.env.MOTUS_TOKEN;
  return text ? splitTokens(text) : [];
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
