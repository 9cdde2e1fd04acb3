import type { FlexibleSchema, Output, ToolLoopAgentSettings, ToolSet } from "ai";
import type { ChatMessage } from "../protocol/chat-message.ts";
import type { AiSdkAgent } from "./adapters/ai-sdk.ts";
import type { ServableAgent, Turn, TurnContext } from "./types.ts";

/** Settings of ours; all others are those of the AI SDK's ToolLoopAgent, such as `temperature` and `maxRetries`. */
export interface ReActAgentSettings {
  /** What the server calls it when it starts, and telemetry calls it in a turn. */
  name?: string;
  /**
   * What the model is told before everything else. A function is called on every turn; a worker may have been loaded
   * long before its turn.
   */
  systemPrompt?: string | (() => string);
  /**
   * How many times the model may be asked in one turn, from 1. A turn whose model still calls tools then fails: what it
   * was about to do is not known to be done.
   *
   * @default 20
   */
  maxSteps?: number;
  /**
   * The form of the answer, which is then JSON: a zod schema, any other Standard Schema with JSON Schema, or the AI SDK's
   * `jsonSchema()`.
   */
  output?: FlexibleSchema<unknown>;
}

/** Settings of a ReActAgent: `model`, `tools`, `systemPrompt`, and whatever else a ToolLoopAgent takes. */
export type ReActAgentOptions = ReActAgentSettings &
  Omit<
    ToolLoopAgentSettings<never, ToolSet, Record<string, unknown>, Output.Output>,
    | keyof ReActAgentSettings
    | "id"
    | "instructions"
    | "stopWhen"
    | "allowSystemInMessages"
    | "callOptionsSchema"
  >;

/**
 * An agent that thinks and acts: its model calls tools until it has an answer. It is a ToolLoopAgent of the AI SDK, so
 * any of that SDK's providers is a model.
 *
 * @example
 * ```ts
 * import { openai } from "@ai-sdk/openai";
 * import { ReActAgent, tool } from "motus-serve/agent";
 * import { z } from "zod";
 *
 * export const agent = new ReActAgent({
 *   model: openai("gpt-5"),
 *   systemPrompt: "You help with the weather.",
 *   tools: {
 *     get_weather: tool({
 *       description: "The weather in a city",
 *       inputSchema: z.object({ city: z.string() }),
 *       execute: ({ city }) => `Sunny in ${city}`,
 *     }),
 *   },
 * });
 * ```
 */
export class ReActAgent implements ServableAgent {
  readonly #options: ReActAgentOptions;
  readonly #maxSteps: number;
  #loaded: ReturnType<typeof load> | undefined;

  /** @throws {RangeError} when `maxSteps` is no whole number from 1. */
  constructor(options: ReActAgentOptions) {
    const { maxSteps = 20 } = options;
    if (!Number.isSafeInteger(maxSteps) || maxSteps < 1)
      throw new RangeError(`Cannot use maxSteps ${maxSteps}: it takes whole numbers from 1`);
    this.#options = options;
    this.#maxSteps = maxSteps;
  }

  /** Called by motus before the turn comes: loads the AI SDK. */
  async prepare(): Promise<string[]> {
    const { keyWarnings, warnings } = await this.#load();
    return [...warnings, ...keyWarnings(this.#options.model)];
  }

  /** Called by motus. */
  async runTurn(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
    const { sdk, runAiSdkAgent } = await this.#load();
    return await runAiSdkAgent(this.#makeAgent(sdk), message, state, { turn, maxSteps: this.#maxSteps });
  }

  get [Symbol.toStringTag](): string {
    const { name } = this.#options;
    return name === undefined ? "ReActAgent" : `ReActAgent ${name}`;
  }

  /** The AI SDK's agent of one turn: steps are counted across the questions that interrupt it. */
  #makeAgent({ ToolLoopAgent, Output }: Sdk): AiSdkAgent {
    const { name, systemPrompt, maxSteps, output, prepareStep, ...settings } = this.#options;
    const instructions = typeof systemPrompt === "function" ? systemPrompt() : systemPrompt;
    let steps = 0;
    return new ToolLoopAgent({
      onError: () => {},
      ...settings,
      ...(name !== undefined && { id: name }),
      ...(instructions !== undefined && { instructions }),
      ...(output !== undefined && { output: Output.object({ schema: output }) }),
      prepareStep: (step) => {
        steps += 1;
        return prepareStep?.(step);
      },
      stopWhen: () => steps >= this.#maxSteps,
    });
  }

  #load(): ReturnType<typeof load> {
    this.#loaded ??= load();
    return this.#loaded;
  }
}

type Sdk = typeof import("ai");

/** What only a ReActAgent needs; other agents of this package do without the AI SDK. */
async function load() {
  const { SdkImporter } = await import("./import-sdk.ts");
  const importer = new SdkImporter(import.meta.path);
  const [sdk, { runAiSdkAgent }, { keyWarnings }] = await Promise.all([
    importer.import<Sdk>("ai"),
    import("./adapters/ai-sdk.ts"),
    import("./adapters/ai-sdk-faults.ts"),
  ]);
  return { sdk, runAiSdkAgent, keyWarnings, warnings: importer.warnings };
}
