import { agentAdapterContract } from "../../contracts/agent-adapter.ts";

agentAdapterContract({ fixture: "openai-agents", kind: "OpenAI Agents SDK agent", reasons: true });
