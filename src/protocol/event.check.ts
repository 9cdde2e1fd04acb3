// @ts-nocheck Written by scripts/generate-checks.ts from AgentEventSchema; do not edit.
import type { AgentEvent } from "./event.ts";

/** Whether a value fits AgentEventSchema. */
export const isAgentEvent: (value: unknown) => value is AgentEvent = (() => {
return function check(value) {
  return (
    (((typeof value === 'object' && value !== null && !Array.isArray(value)) && (value['type'] === 'text-delta') && (typeof value['delta'] === 'string')) || ((typeof value === 'object' && value !== null && !Array.isArray(value)) && (value['type'] === 'reasoning-delta') && (typeof value['delta'] === 'string')) || ((typeof value === 'object' && value !== null && !Array.isArray(value)) && (value['type'] === 'tool-call') && (typeof value['tool_call_id'] === 'string') && (typeof value['tool_name'] === 'string') && true && ('input' in value)) || ((typeof value === 'object' && value !== null && !Array.isArray(value)) && (value['type'] === 'tool-result') && (typeof value['tool_call_id'] === 'string') && (typeof value['tool_name'] === 'string') && true && ('output' in value) && (value['is_error'] !== undefined ? ((typeof value['is_error'] === 'boolean')) : true)) || ((typeof value === 'object' && value !== null && !Array.isArray(value)) && (value['type'] === 'custom') && (typeof value['name'] === 'string') && true && ('data' in value)))
  )
}
})();
