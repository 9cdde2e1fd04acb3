/** What goes wrong with the AI SDK, in words. */

/**
 * Whether a model would find its key, asked of the model itself: only it knows what it was made with. A model that
 * needs the network to say so is not asked.
 */
export function keyWarnings(model: unknown): string[] {
  if (typeof model === "string") return gatewayWarnings(model);
  const { config } = (model ?? {}) as { config?: { headers?: unknown } };
  const headers = config?.headers;
  if (Object.prototype.toString.call(headers) !== "[object Function]") return [];
  try {
    (headers as () => unknown)();
    return [];
  } catch (error) {
    const { name, message } = (error ?? {}) as Partial<Error>;
    return name === "AI_LoadAPIKeyError" ? [`${message} Turns will fail without it.`] : [];
  }
}

/** A model that is only a name is the gateway's, unless the agent's code has named another provider for all. */
function gatewayWarnings(model: string): string[] {
  // biome-ignore lint/style/noProcessEnv: the SDK reads its key from there
  const { AI_GATEWAY_API_KEY: key, VERCEL_OIDC_TOKEN: token } = process.env;
  if (key || token || "AI_SDK_DEFAULT_PROVIDER" in globalThis) return [];
  return [
    `AI_GATEWAY_API_KEY is not set, and the model "${model}" is asked through the AI gateway; set it, or give the agent a provider's own model`,
  ];
}

/** An error in the model's own words: the last one of several tries, with the status that it came with. */
export function explain(error: unknown): unknown {
  const { name, message, lastError, statusCode } = (error ?? {}) as Partial<Error> & {
    lastError?: unknown;
    statusCode?: unknown;
  };
  if (name === "AI_RetryError" && lastError !== undefined) return explain(lastError);
  if (name !== "AI_APICallError" || typeof statusCode !== "number" || statusCode < 400) return error;
  return Object.assign(new Error(`${statusCode} ${message}`, { cause: error }), { name });
}
