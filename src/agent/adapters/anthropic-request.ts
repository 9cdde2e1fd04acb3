/** What a `ToolRunner` asks of the SDK's tool runner. */
import type {
  BetaMessageParam,
  BetaOutputConfig,
  BetaToolRunnerParams,
} from "@anthropic-ai/sdk/resources/beta/messages";
import type { ToolRunnerOptions } from "../anthropic.ts";

/** Options with the defaults that every turn needs. */
export type TurnOptions = ToolRunnerOptions & { max_tokens: number; max_iterations: number };

/** @param instructions Texts of system messages in the conversation, which stand after the agent's own. */
export function toRequest(
  options: TurnOptions,
  instructions: readonly string[],
  messages: BetaMessageParam[],
): BetaToolRunnerParams & { stream: true } {
  const { client: _, requiresApproval: __, system, output_format, output_config, ...params } = options;
  return {
    ...params,
    ...systemOf(system, instructions),
    ...outputOf({ ...output_config, format: formatOf(options) }),
    tools: params.tools ?? [],
    messages,
    stream: true,
    // Otherwise Anthropic would hold the conversation.
    thread: false,
    // Otherwise tools would run before a person was asked.
    runToolsEagerly: false,
  };
}

/** The form that an answer must have, if any. */
export function formatOf({ output_format, output_config }: ToolRunnerOptions) {
  return output_format ?? output_config?.format ?? null;
}

function systemOf(
  system: ToolRunnerOptions["system"],
  instructions: readonly string[],
): Pick<ToolRunnerOptions, "system"> {
  if (instructions.length === 0) return system === undefined ? {} : { system };
  const own = typeof system === "string" ? [system] : system;
  const block = (text: string) => ({ type: "text" as const, text });
  return {
    system: [...(own ?? []), ...instructions].map((part) => (typeof part === "string" ? block(part) : part)),
  };
}

/** Without the format's `parse`, with which the SDK would check also what is no answer: a refusal, or a word before a call. */
function outputOf(config: BetaOutputConfig): { output_config?: BetaOutputConfig } {
  const { format, ...others } = config;
  if (format) {
    const { type, schema } = format;
    return { output_config: { ...others, format: { type, schema } } };
  }
  return Object.keys(others).length === 0 ? {} : { output_config: others };
}
