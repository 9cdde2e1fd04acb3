import { expect, test } from "bun:test";
import type { AgentEvent } from "motus-serve";
import { sayToolCall, sayToolResult } from "../../../src/agent/adapters/say-tool.ts";
import { WorkerTurnContext } from "../../../src/worker/turn-context.ts";

/** What a real turn sends of what is said. */
function listen(): { turn: WorkerTurnContext; said: () => AgentEvent[] } {
  const lines: string[] = [];
  const turn = new WorkerTurnContext({ sessionId: "s", turnId: "t" }, (message) => {
    if (message.type === "turn-events") lines.push(...message.events.split("\n"));
  });
  const said = () => {
    turn.flush();
    return lines.map((line) => JSON.parse(line));
  };
  return { turn, said };
}

const call = { id: "1", name: "f" };

test("a call and its result are events of the same names", () => {
  const { turn, said } = listen();
  sayToolCall(turn, call, { a: 1 });
  sayToolResult(turn, call, "done");
  sayToolResult(turn, { ...call, isError: true }, undefined);
  expect(said()).toEqual([
    { type: "tool-call", tool_call_id: "1", tool_name: "f", input: { a: 1 } },
    { type: "tool-result", tool_call_id: "1", tool_name: "f", is_error: false, output: "done" },
    { type: "tool-result", tool_call_id: "1", tool_name: "f", is_error: true, output: null },
  ]);
});

test("what is too long for an event, or no JSON, is named and not shown", () => {
  const { turn, said } = listen();
  sayToolResult(turn, call, "x".repeat(2_000_000));
  const cyclic: { self?: unknown } = {};
  cyclic.self = cyclic;
  sayToolCall(turn, call, cyclic);
  expect(said()).toEqual([
    expect.objectContaining({
      type: "tool-result",
      output: expect.stringMatching(/^Not shown\. RangeError.*may have/),
    }),
    expect.objectContaining({ type: "tool-call", input: expect.stringMatching(/^Not shown\. TypeError/) }),
  ]);
});
