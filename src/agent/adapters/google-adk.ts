/**
 * Agents of Google's ADK (`@google/adk`): an LlmAgent or any other agent, a Workflow or another node, an App.
 *
 * After a transfer the next turn starts with the agent that spoke last, as in one session of ADK's own; it is kept as the
 * `name` of its messages.
 */
import type { App, BaseNode, RunnableRoot } from "@google/adk";
import type { Adapt } from "./adapter.ts";
import type { Adk } from "./google-adk-plugin.ts";
import { GoogleAdkTurn, type Served } from "./google-adk-turn.ts";

export const adapt: Adapt = async (value, sdk) => {
  const adk = await sdk.import<Adk>("@google/adk");
  quieten(adk);
  const served: Served = adk.isApp(value)
    ? (value as App)
    : { rootAgent: adk.asRunnableRoot(value as BaseNode) };
  return {
    run: (message, state, turn) => new GoogleAdkTurn(adk, served, turn).run(message, state),
    warnings: needsKey(served.rootAgent) && !hasKey() ? [missingKey] : [],
  };
};

/** ADK logs each request to its model to stdout. A level that the user has set stays, as far as it can be told. */
export function quieten({ getLogger, setLogLevel, LogLevel }: Adk): void {
  const { logLevel } = getLogger() as { logLevel?: unknown };
  if (logLevel === LogLevel.INFO) setLogLevel(LogLevel.ERROR);
}

const missingKey =
  "None of GOOGLE_GENAI_API_KEY, GOOGLE_API_KEY and GEMINI_API_KEY is set; turns will fail unless the agent's own code gives its model a key";

/** What of a tree of agents or nodes can have a model. */
type Node = { model?: unknown; subAgents?: readonly Node[]; graph?: { nodes: readonly Node[] } };

function needsKey(root: RunnableRoot, seen = new Set<object>()): boolean {
  const visit = (node: Node): boolean => {
    if (seen.has(node)) return false;
    seen.add(node);
    if (typeof node.model === "string" && node.model.startsWith("gemini-")) return true;
    return [...(node.subAgents ?? []), ...(node.graph?.nodes ?? [])].some(visit);
  };
  return visit(root as Node);
}

function hasKey(): boolean {
  // biome-ignore lint/style/noProcessEnv: the SDK reads its key from there
  const env = process.env;
  const vertex = env.GOOGLE_GENAI_USE_ENTERPRISE ?? env.GOOGLE_GENAI_USE_VERTEXAI ?? "";
  if (/^(true|1)$/i.test(vertex)) return true; // Its key is a file of Google Cloud's.
  return Boolean(env.GOOGLE_GENAI_API_KEY || env.GOOGLE_API_KEY || env.GEMINI_API_KEY);
}
