import type { TurnContext } from "../types.ts";

/** Tokens as the AI SDK counts them, and those that are made after it. */
export interface StepUsage {
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  totalTokens?: number | undefined;
}

/** Reports one step when it ends: the sum that a run has at its end is lost when it fails. */
export function reportUsage(
  turn: Pick<TurnContext, "reportUsage">,
  { inputTokens, outputTokens, totalTokens }: StepUsage = {},
): void {
  if (inputTokens === undefined && outputTokens === undefined) return;
  turn.reportUsage({
    input_tokens: inputTokens ?? 0,
    output_tokens: outputTokens ?? 0,
    ...(totalTokens !== undefined && { total_tokens: totalTokens }),
  });
}
