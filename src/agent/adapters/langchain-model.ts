/** The model of an agent, where it can be known. */
import type { SdkImporter } from "../import-sdk.ts";

/** Who makes a model: `openai`, `anthropic`; a model is an object or a name such as `openai:gpt-5`. */
export function providerOf(model: unknown): string | undefined {
  if (typeof model !== "string") return (model as { _llmType?(): string } | undefined)?._llmType?.();
  if (/^(gpt-|o\d)/.test(model)) return "openai";
  return model.startsWith("claude") ? "anthropic" : model.split(":", 1)[0];
}

/**
 * Loads what a model needs that is given by name: LangChain would do so in the turn.
 *
 * @returns what will go wrong.
 */
export async function prepareModel(model: unknown, sdk: SdkImporter): Promise<string[]> {
  if (typeof model === "string") {
    const { initChatModel } =
      await sdk.import<Pick<typeof import("langchain"), "initChatModel">>("langchain");
    try {
      await initChatModel(model);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return [`Turns will fail, because the model "${model}" cannot be made: ${reason}`];
    }
  }
  const { apiKey, clientConfig } = (model ?? {}) as { apiKey?: unknown; clientConfig?: { apiKey?: unknown } };
  // biome-ignore lint/style/noProcessEnv: LangChain reads the key from there
  const key = apiKey ?? clientConfig?.apiKey ?? process.env.OPENAI_API_KEY;
  if (providerOf(model) !== "openai" || key) return [];
  return ["OPENAI_API_KEY is not set; turns will fail unless the agent's own code gives its model a key"];
}
