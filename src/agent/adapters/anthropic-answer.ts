/** What comes of Claude's last reply, whatever it was that ended it. */
import type { BetaMessage } from "@anthropic-ai/sdk/resources/beta/messages";
import type { ChatMessage } from "../../protocol/chat-message.ts";
import { formatOf, type TurnOptions } from "./anthropic-request.ts";

/**
 * @param message The reply as a message.
 * @returns the answer, and what of it the model itself did not say.
 * @throws {Error} when the reply is no answer.
 */
export function answerOf(
  reply: Pick<BetaMessage, "stop_reason" | "stop_details">,
  message: ChatMessage,
  options: TurnOptions,
): { answer: ChatMessage; addition: string } {
  const { tool_calls, ...answer } = message;
  const { content = "" } = answer;
  const { stop_reason, stop_details } = reply;
  switch (stop_reason) {
    case "tool_use":
    case "pause_turn":
    case "compaction":
      throw new Error(
        `Cannot finish the turn: the model is not done after ${options.max_iterations} requests; raise max_iterations`,
      );
    case "max_tokens":
    case "model_context_window_exceeded": {
      const isWhole = tool_calls === undefined && formatOf(options) === null;
      if (isWhole && content.trim() !== "") return { answer, addition: "" };
      const limit =
        stop_reason === "max_tokens"
          ? `max_tokens (${options.max_tokens}); raise it`
          : "the end of the model's context window; start a new session";
      throw new Error(`Cannot finish the turn: the model was cut off at ${limit}`);
    }
    case "refusal": {
      const reason = stop_details?.explanation ?? stop_details?.category;
      const sentence = reason ? `Refused by the model: ${reason}` : "Refused by the model.";
      const addition = content === "" ? sentence : `\n\n${sentence}`;
      return { answer: { ...answer, content: content + addition }, addition };
    }
    default:
      checkFormat(content, options);
      return { answer, addition: "" };
  }
}

function checkFormat(content: string, options: TurnOptions): void {
  const format = formatOf(options);
  if (format === null || !("parse" in format) || typeof format.parse !== "function") return;
  try {
    format.parse(content);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The model's answer does not fit output_config.format: ${reason}`, { cause: error });
  }
}
