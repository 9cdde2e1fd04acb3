import type { FlexibleSchema, Tool, ToolExecutionOptions } from "ai";

export interface ToolOptions<Input, Output> {
  /** What the tool does and when it is of use, for the model. */
  description: string;
  /** What the model must give: a zod schema, any other Standard Schema with JSON Schema, or the AI SDK's `jsonSchema()`. */
  inputSchema: FlexibleSchema<Input>;
  /**
   * Runs the tool, in the worker. What it returns goes to the model as text or JSON; what it throws does too, as an error
   * that the model may do something about. `options.abortSignal` fires when the turn is to stop.
   */
  execute(
    input: Input,
    options: ToolExecutionOptions<Record<string, unknown>>,
  ): Output | PromiseLike<Output> | AsyncIterable<Output>;
  /**
   * Whether a person must allow a call, or a function that says so for one input. The turn then asks, and its session is
   * `interrupted` until it is answered; a denied call is not run, and the model is told why.
   *
   * @default false
   */
  requiresApproval?: boolean | ((input: Input) => boolean | PromiseLike<boolean>);
}

/**
 * Makes a tool for a ReActAgent, and for any other agent of the AI SDK; its name is its key in `tools`. A tool made by the
 * AI SDK's own `tool()` is as good.
 *
 * @example
 * ```ts
 * import { tool } from "motus-serve/agent";
 * import { z } from "zod";
 *
 * const deleteFile = tool({
 *   description: "Deletes one of the user's files",
 *   inputSchema: z.object({ path: z.string() }),
 *   requiresApproval: true,
 *   execute: async ({ path }) => {
 *     await Bun.file(path).delete();
 *     return `Deleted ${path}`;
 *   },
 * });
 * ```
 */
export function tool<Input, Output>(options: ToolOptions<Input, Output>): Tool<Input, Output>;
export function tool({ requiresApproval, ...options }: ToolOptions<unknown, unknown>): unknown {
  // The tool's own setting, so that a person is asked whatever agent the tool is given to.
  return { ...options, ...(requiresApproval !== undefined && { needsApproval: requiresApproval }) };
}
