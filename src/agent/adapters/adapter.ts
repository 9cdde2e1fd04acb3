import type { SdkImporter } from "../import-sdk.ts";
import type { AgentFunction } from "../types.ts";

/** An SDK's agent as motus runs it. */
export interface AdaptedAgent {
  run: AgentFunction;
  /** What will probably go wrong, such as a key that is missing; said when the server starts. */
  warnings?: string[];
}

/**
 * What a file in this folder exports as `adapt`. It gets the user's own agent object, and imports the SDK that this
 * object was made with. What it loads is loaded before the worker's turn comes.
 */
export type Adapt = (agent: unknown, sdk: SdkImporter) => Promise<AdaptedAgent>;
