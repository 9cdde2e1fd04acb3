/**
 * Says that a tool was called and what came of it, the same for every SDK. What is too long for an event, or no JSON, is
 * still the model's and the conversation's: then the event says why it is not shown.
 */
import type { TurnContext } from "../types.ts";
import { textOf } from "./message-parts.ts";

interface Call {
  id: string;
  name: string;
}

export function sayToolCall(turn: Pick<TurnContext, "emit">, { id, name }: Call, input: unknown): void {
  const names = { tool_call_id: id, tool_name: name };
  shown(input ?? {}, (value) => turn.emit({ type: "tool-call", ...names, input: value }));
}

export function sayToolResult(
  turn: Pick<TurnContext, "emit">,
  { id, name, isError = false }: Call & { isError?: boolean | undefined },
  output: unknown,
): void {
  const names = { tool_call_id: id, tool_name: name, is_error: isError };
  shown(output ?? null, (value) => turn.emit({ type: "tool-result", ...names, output: value }));
}

/** The words of an error, which the model is told as well. */
export function errorText(error: unknown): string {
  const isError = typeof error === "object" && error !== null && "message" in error;
  return isError ? String(error) : textOf(error);
}

function shown(value: unknown, say: (value: unknown) => void): void {
  try {
    say(value);
  } catch (error) {
    say(`Not shown. ${errorText(error)}`);
  }
}
