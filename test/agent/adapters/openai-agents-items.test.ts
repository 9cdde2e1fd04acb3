import { expect, test } from "bun:test";
import type { AgentInputItem } from "@openai/agents";
import { fromItems, toItems } from "../../../src/agent/adapters/openai-agents-items.ts";

const encrypted = { type: "reasoning.encrypted", data: "gAAA", id: "rs_1", format: "openai-responses-v1" };

test("fromItems() keeps reasoning with the message that it led to, and what the provider encrypted of it", () => {
  const items: AgentInputItem[] = [
    {
      type: "reasoning",
      id: "rs_1",
      content: [{ type: "input_text", text: "Hm." }],
      providerData: { encrypted_content: "gAAA" },
    },
    { type: "function_call", callId: "1", name: "f", arguments: "{}" },
    { type: "function_call", callId: "2", name: "g", arguments: "{}" },
    {
      type: "function_call_result",
      callId: "1",
      name: "f",
      status: "completed",
      output: { type: "text", text: "one" },
    },
    {
      type: "function_call_result",
      callId: "2",
      name: "g",
      status: "completed",
      output: { type: "text", text: "two" },
    },
    { type: "reasoning", content: [{ type: "input_text", text: "So." }] },
    {
      role: "assistant",
      status: "completed",
      content: [
        { type: "output_text", text: "Done" },
        { type: "refusal", refusal: "!" },
      ],
    },
  ];
  const messages = fromItems(items);
  expect(messages).toEqual([
    {
      role: "assistant",
      reasoning: "Hm.",
      reasoning_details: [encrypted],
      tool_calls: [
        { id: "1", type: "function", function: { name: "f", arguments: "{}" } },
        { id: "2", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    },
    { role: "tool", content: "one", tool_call_id: "1", name: "f" },
    { role: "tool", content: "two", tool_call_id: "2", name: "g" },
    { role: "assistant", reasoning: "So.", content: "Done!" },
  ]);
  const again = toItems(messages);
  expect(again.map(({ type }) => type ?? "message")).toEqual([
    "reasoning",
    "function_call",
    "function_call",
    "function_call_result",
    "function_call_result",
    "message",
  ]);
  expect(again[0]).toEqual({
    type: "reasoning",
    id: "rs_1",
    content: [],
    providerData: { encrypted_content: "gAAA" },
  });
});

test("toItems() gives back no reasoning of another provider, and none that nobody signed", () => {
  const signed = { type: "reasoning.text", text: "Hm.", signature: "s", format: "anthropic-claude-v1" };
  expect(
    toItems([{ role: "assistant", content: "Hi", reasoning: "Hm.", reasoning_details: [signed, null, "x"] }]),
  ).toEqual([{ role: "assistant", status: "completed", content: [{ type: "output_text", text: "Hi" }] }]);
});

test("toItems() finds the name of a result's tool where the message does not have it", () => {
  const [, result] = toItems([
    {
      role: "assistant",
      tool_calls: [{ id: "1", type: "function", function: { name: "f", arguments: "{}" } }],
    },
    { role: "tool", content: "one", tool_call_id: "1" },
  ]);
  expect(result).toMatchObject({ type: "function_call_result", name: "f" });
});
