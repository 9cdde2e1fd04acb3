import type { BasePlugin } from "@google/adk";

export type Adk = typeof import("@google/adk");

type Callbacks = Partial<
  Pick<BasePlugin, "beforeModelCallback" | "afterModelCallback" | "beforeToolCallback" | "afterToolCallback">
>;

/** A plugin of ADK's of a few functions. */
export function pluginOf({ BasePlugin }: Adk, name: string, callbacks: Callbacks): BasePlugin {
  const plugin = new (class extends BasePlugin {})(name);
  return Object.assign(plugin, callbacks);
}
