/**
 * The SDKs whose agents are served as they are. An agent is known by its shape: names of classes are not unique and
 * change when they are bundled, and `instanceof` fails where a package is installed twice. Nothing of an SDK is
 * imported to find out.
 */
import type { Adapt } from "./adapters/adapter.ts";

export interface Sdk {
  /** What its agent is, in words for the start line. */
  kind: string;
  isAgent(value: Shape): boolean;
  load(): Promise<{ adapt: Adapt }>;
}

/** Any object or function. */
export type Shape = Readonly<Record<PropertyKey, unknown>>;

/** In the order in which they are tried: what is recognised most surely comes first. */
export const sdks: readonly Sdk[] = [
  {
    kind: "Google ADK agent",
    isAgent: (value) => value[Symbol.for("google.adk.baseAgent")] === true,
    load: () => import("./adapters/google-adk.ts"),
  },
  {
    kind: "Google ADK workflow",
    isAgent: (value) => value[Symbol.for("google.adk.workflow.baseNode")] === true,
    load: () => import("./adapters/google-adk.ts"),
  },
  {
    kind: "Google ADK app",
    isAgent: (value) => value[Symbol.for("google.adk.app")] === true,
    load: () => import("./adapters/google-adk.ts"),
  },
  {
    kind: "LangGraph graph",
    isAgent: (value) => value.lg_is_pregel === true && has(value, "invoke", "stream"),
    load: () => import("./adapters/langchain.ts"),
  },
  {
    kind: "LangChain agent",
    isAgent: (value) =>
      has(value, "invoke", "stream") && isShape(value.graph) && value.graph.lg_is_pregel === true,
    load: () => import("./adapters/langchain.ts"),
  },
  {
    kind: "AI SDK agent",
    isAgent: (value) => /^agent-v\d/.test(String(value.version)) && has(value, "generate", "stream"),
    load: () => import("./adapters/ai-sdk.ts"),
  },
  {
    kind: "Mastra agent",
    isAgent: (value) => value.component === "AGENT" && has(value, "generate", "stream", "getInstructions"),
    load: () => import("./adapters/mastra.ts"),
  },
  {
    kind: "OpenAI Agents SDK agent",
    isAgent: (value) =>
      has(value, "getSystemPrompt", "getAllTools", "asTool", "clone") &&
      Array.isArray(value.handoffs) &&
      "modelSettings" in value &&
      "outputGuardrails" in value,
    load: () => import("./adapters/openai-agents.ts"),
  },
];

/** What adapters import, by the packages that bring such agents. */
const imports: readonly { packages: readonly string[]; imports: readonly string[] }[] = [
  { packages: ["@openai/agents", "@openai/agents-core"], imports: ["@openai/agents"] },
  { packages: ["@google/adk"], imports: ["@google/adk"] },
  { packages: ["langchain", "@langchain/langgraph"], imports: ["@langchain/langgraph"] },
  { packages: ["@mastra/core"], imports: ["@mastra/core"] },
  { packages: ["@anthropic-ai/sdk", "motus-serve/anthropic"], imports: ["@anthropic-ai/sdk"] },
  { packages: ["motus-serve/agent"], imports: ["ai"] },
];

/** What the adapters will import for a program that imports these packages. */
export function sdkImports(names: readonly string[]): string[] {
  const isFrom = (name: string, packageName: string) =>
    name === packageName || name.startsWith(`${packageName}/`);
  return imports
    .filter(({ packages }) => names.some((name) => packages.some((packageName) => isFrom(name, packageName))))
    .flatMap((sdk) => sdk.imports);
}

/** What looks like an agent and is none, with what to export instead. */
export const nearMisses: readonly { isIt(value: Shape): boolean; advice: string }[] = [
  {
    isIt: (value) => value[Symbol.for("google.adk.runner")] === true,
    advice: "it is a runner of Google's ADK; export its agent, or an App with its agent and plugins",
  },
  {
    isIt: (value) => has(value, "runUntilDone", "generateToolResponse", "setMessagesParams"),
    advice:
      'it is a tool runner of one conversation; export new ToolRunner({ model, max_tokens, tools }) from "motus-serve/anthropic"',
  },
  {
    isIt: (value) =>
      isShape(value.beta) && isShape(value.messages) && has(value.messages, "create", "stream"),
    advice:
      'it is an Anthropic client; export new ToolRunner({ client, model, max_tokens, tools }) from "motus-serve/anthropic"',
  },
];

export function isShape(value: unknown): value is Shape {
  return (typeof value === "object" && value !== null) || typeof value === "function";
}

function has(value: Shape, ...methods: string[]): boolean {
  return methods.every((name) => typeof value[name] === "function");
}
