// @ts-nocheck Written by scripts/generate-checks.ts from ChatMessageSchema; do not edit.
import type { ChatMessage } from "./chat-message.ts";

/** Whether a value fits ChatMessageSchema. */
export const isChatMessage: (value: unknown) => value is ChatMessage = (() => {
const local_0 = /^(.*)$/
return function check(value) {
  return (
    (typeof value === 'object' && value !== null && !Array.isArray(value)) &&
    (((value['role'] === 'system')) || ((value['role'] === 'user')) || ((value['role'] === 'assistant')) || ((value['role'] === 'tool'))) &&
    (value['content'] !== undefined ? ((typeof value['content'] === 'string')) : true) &&
    (value['reasoning'] !== undefined ? ((typeof value['reasoning'] === 'string')) : true) &&
    (value['reasoning_details'] !== undefined ? (Array.isArray(value['reasoning_details']) && ((array) => { for(const value of array) if(!((true))) { return false }; return true; })(value['reasoning_details'])) : true) &&
    (value['tool_calls'] !== undefined ? (Array.isArray(value['tool_calls']) && ((array) => { for(const value of array) if(!(((typeof value === 'object' && value !== null && !Array.isArray(value)) && (typeof value['id'] === 'string') && (value['type'] === 'function') && (typeof value['function'] === 'object' && value['function'] !== null && !Array.isArray(value['function'])) && (typeof value['function']['name'] === 'string') && (typeof value['function']['arguments'] === 'string')))) { return false }; return true; })(value['tool_calls'])) : true) &&
    (value['tool_call_id'] !== undefined ? ((typeof value['tool_call_id'] === 'string')) : true) &&
    (value['name'] !== undefined ? ((typeof value['name'] === 'string')) : true) &&
    (value['base64_image'] !== undefined ? ((typeof value['base64_image'] === 'string')) : true) &&
    (value['user_params'] !== undefined ? ((typeof value['user_params'] === 'object' && value['user_params'] !== null && !Array.isArray(value['user_params']) && !(value['user_params'] instanceof Date) && !(value['user_params'] instanceof Uint8Array)) && (Object.entries(value['user_params']).every(([key, value]) => (local_0.test(key) ? (true) : true)))) : true)
  )
}
})();
