import type { ToolApproval, ToolApprovalAnswer } from "../../protocol/interrupt.ts";
import type { TurnContext } from "../types.ts";

/** What the model is told of a tool that a person did not allow. */
const denied = "A person has denied this call.";

/**
 * Asks a person whether a tool may run. Only a clear yes is one: whatever else is answered denies the call, and
 * `message` then says so to the model.
 */
export async function askApproval(
  turn: Pick<TurnContext, "interrupt">,
  toolName: string,
  toolArgs: unknown,
): Promise<{ approved: true } | { approved: false; message: string }> {
  const question: ToolApproval = { type: "tool_approval", tool_name: toolName, tool_args: toolArgs };
  const answer = (await turn.interrupt(question)) as Partial<ToolApprovalAnswer> | null;
  if (typeof answer === "object" && answer?.approved === true) return { approved: true };
  const reason = typeof answer === "object" ? answer?.message : undefined;
  return { approved: false, message: typeof reason === "string" && reason !== "" ? reason : denied };
}
