/** What can be read off a graph of LangGraph before it runs. Only its shape is looked at. */

/** A compiled graph, as far as it is looked at. */
export interface Graph {
  lg_is_pregel: true;
  channels?: Readonly<Record<string, unknown>>;
  nodes?: Readonly<Record<string, { bound?: unknown }>>;
  builder?: Builder;
  interruptBefore?: unknown;
  interruptAfter?: unknown;
  checkpointer?: unknown;
}

/** What the graph was compiled from. */
interface Builder {
  nodes: Readonly<Record<string, { ends?: readonly string[] }>>;
  edges: Iterable<readonly [from: string, to: string]>;
  waitingEdges: Iterable<readonly [from: readonly string[], to: string]>;
  branches: Readonly<Record<string, Readonly<Record<string, { ends?: Readonly<Record<string, string>> }>>>>;
}

const end = "__end__";

/** Why a graph cannot hold a conversation, if that is so. */
export function whyNot({ channels, interruptBefore, interruptAfter }: Graph): string | undefined {
  if (channels?.messages === undefined) {
    return 'the graph has no channel "messages"; build its state with MessagesAnnotation, or export a function that calls the graph';
  }
  if ([interruptBefore, interruptAfter].some((nodes) => nodes === "*" || (nodes as string[])?.length > 0)) {
    return "the graph is compiled with interruptBefore or interruptAfter, where nobody can be asked anything; call interrupt(…) in the node instead";
  }
  return undefined;
}

/**
 * The graph that runs under a namespace, if it is a node itself: then all that it adds to its messages is added to
 * those of the outermost graph too. What a node or a tool calls by itself is not.
 */
export function graphAt(outermost: Graph, namespace: readonly string[]): Graph | undefined {
  let graph: Graph | undefined = outermost;
  for (const step of namespace) {
    const bound: unknown = graph?.nodes?.[step.slice(0, step.lastIndexOf(":"))]?.bound;
    graph = isGraph(bound) && bound.channels?.messages !== undefined ? bound : undefined;
  }
  return graph;
}

/**
 * Whether what a model says in a node may be heard while it is said. That is so if the node may be the last one, which
 * answers. In front of others stand nodes that sort, plan and draft: whether what is said there counts, only the
 * state tells.
 */
export function answers(graph: Graph, node: string): boolean {
  const bound = (graph.nodes?.[node]?.bound ?? {}) as { tools?: unknown };
  // A node of tools, and one of them has called a model.
  if (Array.isArray(bound.tools)) return false;
  // The node of createAgent() that calls the model; behind it stand the hooks of its middleware.
  if (node === "model_request" && hooks(graph).every((hook) => harmless.test(hook))) return true;
  return graph.builder === undefined || mayBeLast(graph.builder, node);
}

/** Middleware that leaves the text of an answer alone. Any other may replace it after it was said. */
const harmless =
  /^(HumanInTheLoopMiddleware|ModelCallLimitMiddleware|ToolCallLimitMiddleware|todoListMiddleware)\b/;

function hooks({ nodes = {} }: Graph): string[] {
  return Object.keys(nodes).filter((name) => /\.after_(model|agent)$/.test(name));
}

function mayBeLast({ nodes, edges, waitingEdges, branches }: Builder, node: string): boolean {
  const goals = [...edges].filter(([from]) => from === node).map(([, to]) => to);
  const waiting = [...waitingEdges].filter(([from]) => from.includes(node)).map(([, to]) => to);
  const commands = nodes[node]?.ends ?? [];
  const chosen = Object.values(branches[node] ?? {});
  const all = [...goals, ...waiting, ...commands, ...chosen.flatMap(({ ends = {} }) => Object.values(ends))];
  // A branch that does not say where it leads may lead anywhere.
  return all.includes(end) || chosen.some(({ ends }) => ends === undefined) || all.length === 0;
}

function isGraph(value: unknown): value is Graph {
  return (
    typeof value === "object" && value !== null && "lg_is_pregel" in value && value.lg_is_pregel === true
  );
}
