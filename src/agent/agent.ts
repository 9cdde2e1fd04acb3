/** `motus-serve/agent`: small classes for agents of one's own. None of them is needed to be served. */
export { type AgentAnswer, AgentBase, type AgentSpeech } from "./agent-base.ts";
export { askUserTool } from "./ask-user-tool.ts";
export { ReActAgent, type ReActAgentOptions, type ReActAgentSettings } from "./react-agent.ts";
export { type ToolOptions, tool } from "./tool.ts";
