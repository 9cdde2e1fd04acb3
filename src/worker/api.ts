/**
 * What `import … from "motus-serve"` gives inside a worker (package.json, condition `motus-worker`): the
 * agent's side alone, because loading the server would cost more than the turn.
 */
import { MotusError } from "../errors.ts";

export { ChatMessage } from "../agent/chat-message.ts";
export { askUser, emit, interrupt } from "../agent/current-turn.ts";
export { MotusError } from "../errors.ts";

/**
 * A file may hold both an agent and the code that serves it. In a worker only the agent is wanted, and a
 * server that starts inside its own worker would start workers without end.
 */
export class AgentServer {
  constructor() {
    throw new MotusError(
      "nested_too_deep",
      "Cannot make an AgentServer inside a worker: guard the code that serves with `if (import.meta.main)`, " +
        "or keep it in another file than the agent",
    );
  }
}
