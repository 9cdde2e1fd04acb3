import type { ChatMessage, Turn } from "motus-serve";

/** The agent of all benchmarks: it does nothing, so what is measured is everything around it. It waits when it is told to. */
export function agent(message: ChatMessage, state: ChatMessage[]): Turn | Promise<Turn> {
  const [, waitMs] = /^wait (\d+)/.exec(message.content ?? "") ?? [];
  return waitMs === undefined
    ? echo(message, state)
    : Bun.sleep(Number(waitMs)).then(() => echo(message, state));
}

function echo(message: ChatMessage, state: ChatMessage[]): Turn {
  const response: ChatMessage = { role: "assistant", content: `echo: ${message.content}` };
  return [response, [...state, message, response]];
}
