/**
 * Says events as it is told: "<events> <events a second, 0 for as fast as it can> <when to begin, milliseconds since 1970>".
 * Each holds the time at which it was said, which readers on the same machine can compare with theirs.
 */
import type { AgentEvent, ChatMessage, Turn } from "motus-serve";

export async function* agent(message: ChatMessage, state: ChatMessage[]): AsyncGenerator<AgentEvent, Turn> {
  const [events = 0, perSecond = 0, beginsAt = 0] = (message.content ?? "").split(" ").map(Number);
  const untilThen = beginsAt - Date.now();
  if (untilThen > 0) await Bun.sleep(untilThen);
  const startedAt = performance.now();
  for (let number = 0; number < events; number++) {
    if (perSecond > 0) {
      const dueMs = startedAt + (number * 1_000) / perSecond - performance.now();
      if (dueMs > 0) await Bun.sleep(dueMs);
    }
    yield { type: "custom", name: String(number), data: performance.timeOrigin + performance.now() };
  }
  const response: ChatMessage = { role: "assistant", content: String(events) };
  return [response, [...state, response]];
}
