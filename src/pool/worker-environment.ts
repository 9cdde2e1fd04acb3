/** The environment of a worker: the server's own, without its secrets, and with what workers need. */

import { MotusError } from "../errors.ts";

/** A server in a worker in a server: deep enough for any real use, shallow enough to stop a fork bomb. */
const maxDepth = 3;
/** How many servers are above this process; counted through the environment. */
export const depthVariable = "MOTUS_DEPTH";

/** What is set for SDKs, and for Bun, unless the user set it. */
const sdkDefaults = {
  // Traffic of their own that nobody asked for is off.
  OPENAI_AGENTS_DISABLE_TRACING: "1",
  LANGSMITH_TRACING: "false",
  MASTRA_TELEMETRY_DISABLED: "1",
  // Outside Linux, Bun tells its makers when it crashes.
  BUN_ENABLE_CRASH_REPORTING: "0",
  // A worker ends with its turn: traces that LangChain is asked for must be sent by then.
  LANGCHAIN_CALLBACKS_BACKGROUND: "false",
};

/** What a worker has of the server's environment when only what is named is passed on: nothing that is secret. */
const plainNames = new Set([
  ...["PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "NO_COLOR", "FORCE_COLOR"],
  ...[
    "LANG",
    "LANGUAGE",
    "LC_ALL",
    "LC_CTYPE",
    "LC_COLLATE",
    "LC_MESSAGES",
    "LC_MONETARY",
    "LC_NUMERIC",
    "LC_TIME",
  ],
  ...["TZ", "NODE_ENV", "NODE_EXTRA_CA_CERTS", "SSL_CERT_FILE", "SSL_CERT_DIR"],
]);

/** @param allowed The variables that are passed on besides a few that everybody may know; null for all. */
export function workerEnvironment(
  server: Record<string, string | undefined>,
  allowed: readonly string[] | null = null,
): Record<string, string> {
  const environment: Record<string, string> = { ...sdkDefaults };
  for (const [name, value] of Object.entries(server)) {
    // MOTUS_* configures the server, its tokens among them, and is no business of the agent's.
    if (value === undefined || name.startsWith("MOTUS_")) continue;
    if (allowed === null || plainNames.has(name) || allowed.includes(name)) environment[name] = value;
  }
  environment[depthVariable] = String(depth(server) + 1);
  // Bun then asks the kernel to kill the worker when the server is gone, and kills the worker's own
  // descendants when the worker exits.
  environment.BUN_FEATURE_FLAG_NO_ORPHANS = "1";
  return environment;
}

/**
 * @param what What is to be done, for the message.
 * @throws {MotusError} `nested_too_deep` when it would start workers in workers without end.
 */
export function checkDepth(environment: Record<string, string | undefined>, what: string): void {
  if (depth(environment) < maxDepth) return;
  throw new MotusError(
    "nested_too_deep",
    `Cannot ${what}: it is ${maxDepth} servers deep in workers already`,
  );
}

/** How deep a process with this environment is nested in servers and workers; 0 outside. */
export function depth(environment: Record<string, string | undefined>): number {
  return Number(environment[depthVariable] ?? 0) || 0;
}
