/** Where an agent of Mastra keeps a run that waits for a person. */
import type { Agent } from "@mastra/core/agent";
import type { SdkImporter } from "../import-sdk.ts";

type Sdk = Pick<typeof import("@mastra/core"), "Mastra">;

/**
 * Hangs an agent that belongs to no Mastra in one of its own, whose storage is this process's memory: runs are kept
 * only there. It is not cheap to load, so agents that cannot wait for anybody go without.
 */
export async function giveStorage(agent: Agent, sdk: SdkImporter): Promise<void> {
  if (agent.getMastraInstance() !== undefined || !(await mayWait(agent))) return sdk.check("@mastra/core");
  const { Mastra } = await sdk.import<Sdk>("@mastra/core");
  new Mastra({ agents: { [agent.id]: agent }, logger: false });
}

/** Whether a run of it may wait for a person, as far as can be told without running it. */
async function mayWait(agent: Agent): Promise<boolean> {
  // A durable agent that belongs to no Mastra would run in a wrapper of its own.
  if ((agent as { agent?: unknown }).agent !== undefined) return true;
  try {
    const { requireToolApproval, clientTools, toolsets } = await agent.getDefaultOptions();
    if (requireToolApproval || toolsets !== undefined || agent.hasOwnWorkspace()) return true;
    const [tools, agents, workflows] = await Promise.all([
      agent.listTools(),
      agent.listAgents(),
      agent.listWorkflows(),
    ]);
    // What these call is not looked at: they have tools of their own.
    if (Object.keys(agents).length > 0 || Object.keys(workflows).length > 0) return true;
    return Object.values({ ...tools, ...clientTools }).some(toolMayWait);
  } catch {
    return true; // Its parts are made for each request, and not without one.
  }
}

function toolMayWait(tool: object): boolean {
  const { requireApproval, needsApproval, needsApprovalFn, suspendSchema } = tool as Record<string, unknown>;
  return Boolean(requireApproval || needsApproval || needsApprovalFn || suspendSchema);
}
