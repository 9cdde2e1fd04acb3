/**
 * `motus-serve/anthropic`: Claude with tools, as an agent. The Anthropic SDK has no agent object, so this holds what its
 * tool runner needs, and makes a fresh one for every turn. The SDK itself is loaded when a worker prepares.
 */
import type { BetaToolRunner, BetaToolRunnerParams } from "@anthropic-ai/sdk/resources/beta/messages";
import type { ChatMessage } from "../protocol/chat-message.ts";
import { AnthropicTurn } from "./adapters/anthropic-turn.ts";
import { SdkImporter } from "./import-sdk.ts";
import type { ServableAgent, Turn, TurnContext } from "./types.ts";

/** What is used of a client, such as one made with `new Anthropic()`. */
export interface AnthropicClient {
  readonly beta: {
    readonly messages: {
      toolRunner(
        params: BetaToolRunnerParams & { stream: true },
        options?: { signal?: AbortSignal },
      ): BetaToolRunner<true>;
    };
  };
}

/** What motus sets itself for each turn. */
type SetByMotus = "messages" | "stream" | "thread" | "runToolsEagerly";

/**
 * What a `ToolRunner` is made of. Any parameter of the SDK's `client.beta.messages.toolRunner` may stand beside these,
 * such as `thinking`, `tool_choice`, `output_config`, `stop_sequences` or `betas`, and goes into every request.
 */
export interface ToolRunnerOptions extends Omit<BetaToolRunnerParams, SetByMotus | "max_tokens" | "tools"> {
  /** The name of a Claude model, such as `claude-opus-5-5`; an unknown one fails the turn with the API's words. */
  model: BetaToolRunnerParams["model"];
  /**
   * The most that one reply may be long, in tokens, reasoning included. A text that reaches it is answered as far as it
   * goes; a tool call, a structured answer or an empty text that reaches it fails the turn. A model has a limit of its
   * own; more than that fails the turn.
   *
   * @default 16000, as in Anthropic's own examples for models that reason; the SDK has no default.
   */
  max_tokens?: number;
  /**
   * Tools of `betaZodTool` and `betaTool`, which run in the turn's worker, and tools that run at Anthropic. What a tool
   * throws is told to the model as the tool's result.
   *
   * @default none
   */
  tools?: BetaToolRunnerParams["tools"];
  /**
   * The system prompt, a text or text blocks. System messages of the conversation follow it.
   *
   * @default none
   */
  system?: Exclude<BetaToolRunnerParams["system"], undefined>;
  /**
   * How many requests to the model one turn may make, at least 1. A turn whose model still calls tools in the last of
   * them fails, and those calls are not run.
   *
   * @default 25; the SDK itself has no limit.
   */
  max_iterations?: number;
  /**
   * The client that asks the model, with its key, base URL, retries and headers.
   *
   * @default `new Anthropic()`, made in each worker, with the SDK's environment: `ANTHROPIC_API_KEY`,
   * `ANTHROPIC_BASE_URL` and others. A missing key is warned of when the server starts, and fails turns.
   */
  client?: AnthropicClient;
  /**
   * Which calls of tools a person must allow first: all with `true`, those of the tools named, or those that the
   * function says yes to. A toolset is named `browser` or `computer`. All calls of one reply are asked about at once,
   * and run when all are answered; one that is denied is not run, and the model is told the person's words. A function
   * that throws fails the turn, and nothing is run. Tools that run at Anthropic cannot be asked about.
   *
   * @default false
   * @throws {TypeError} when the runner is made, for a name that none of the tools has that run in the worker.
   */
  requiresApproval?:
    | boolean
    | readonly string[]
    | ((toolName: string, input: unknown) => boolean | Promise<boolean>);
}

/**
 * Claude with tools, as an agent to serve.
 *
 * @example
 * ```ts
 * import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
 * import { ToolRunner } from "motus-serve/anthropic";
 * import { z } from "zod";
 *
 * const getWeather = betaZodTool({
 *   name: "get_weather",
 *   description: "The weather in a city",
 *   inputSchema: z.object({ city: z.string() }),
 *   run: ({ city }) => `Sunny in ${city}`,
 * });
 *
 * export const agent = new ToolRunner({ model: "claude-opus-5-5", tools: [getWeather], system: "Be brief." });
 * ```
 */
export class ToolRunner implements ServableAgent {
  readonly #options: ToolRunnerOptions;
  #client: AnthropicClient | undefined;

  /**
   * Loads nothing and asks nothing.
   *
   * @throws {TypeError} for a `max_iterations` below 1, or a name in `requiresApproval` that no tool has.
   */
  constructor(options: ToolRunnerOptions) {
    checkIterations(options);
    checkApprovals(options);
    this.#options = options;
    this.#client = options.client;
  }

  /**
   * Loads the SDK and makes the client; the worker calls it before its turn comes.
   *
   * @returns what will probably go wrong: a key that is missing, an SDK that is newer than all that was tried.
   * @throws {MotusError} `agent_sdk_missing`, `agent_sdk_unsupported`.
   */
  async prepare(): Promise<string[]> {
    // Resolved from here: the SDK is a peer dependency, so this package gets the user's.
    const importer = new SdkImporter(import.meta.path);
    if (this.#client !== undefined) {
      importer.check("@anthropic-ai/sdk");
      return importer.warnings;
    }
    const { Anthropic } = await importer.import<typeof import("@anthropic-ai/sdk")>("@anthropic-ai/sdk");
    const client = new Anthropic();
    this.#client = client;
    const hasKey = client.apiKey !== null || client.authToken !== null || (await hasProfile());
    if (hasKey) return importer.warnings;
    const missing =
      "ANTHROPIC_API_KEY is not set; turns will fail unless the agent's own code gives a client";
    return [...importer.warnings, missing];
  }

  /** Runs one turn; motus calls it in a worker of its own. */
  async runTurn(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
    if (this.#client === undefined) await this.prepare();
    const { max_tokens = 16_000, max_iterations = 25 } = this.#options;
    const options = { ...this.#options, max_tokens, max_iterations };
    return new AnthropicTurn(this.#client as AnthropicClient, options, turn).run(message, state);
  }

  /** What the server's start line calls it. */
  get [Symbol.toStringTag](): string {
    return "ToolRunner";
  }
}

function checkIterations({ max_iterations = 1 }: ToolRunnerOptions): void {
  if (Number.isInteger(max_iterations) && max_iterations >= 1) return;
  throw new TypeError(`Cannot make a ToolRunner: max_iterations is ${max_iterations}, it must be 1 or more`);
}

/** A name that is misspelled would let a tool run that was meant to be asked about. */
function checkApprovals({ requiresApproval, tools = [] }: ToolRunnerOptions): void {
  if (!Array.isArray(requiresApproval)) return;
  const names = tools.flatMap((tool) => ("run" in tool ? nameOf(tool) : []));
  const unknown = requiresApproval.find((name) => !names.includes(name));
  if (unknown === undefined) return;
  const known = names.length === 0 ? "there are none" : `they are ${names.join(", ")}`;
  throw new TypeError(
    `Cannot make a ToolRunner: requiresApproval names "${unknown}", which is none of its own tools; ${known}`,
  );
}

/** What a tool's calls are known by: its name, or the family of a toolset that has none. */
function nameOf(tool: { name?: string; type?: string | null }): string {
  return tool.name ?? tool.type?.replace(/_toolset_\d+$/, "") ?? "";
}

/** Whether the SDK finds credentials in a file of its own, or is told by the environment how to get some. */
async function hasProfile(): Promise<boolean> {
  try {
    const { loadConfig } = await import("@anthropic-ai/sdk/core/credentials");
    return (await loadConfig()) !== null;
  } catch {
    return false;
  }
}
