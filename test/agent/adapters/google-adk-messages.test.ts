import { expect, test } from "bun:test";
import { createEvent, type Event } from "@google/adk";
import { fromEvents, toEvents } from "../../../src/agent/adapters/google-adk-messages.ts";
import type { ChatMessage } from "../../../src/protocol/chat-message.ts";

type Part = NonNullable<NonNullable<Event["content"]>["parts"]>[number];

const event = (author: string, ...parts: Part[]) =>
  createEvent({ author, content: { role: author === "user" ? "user" : "model", parts } });
const call = (id: string, name: string, args = {}): Part => ({ functionCall: { id, name, args } });
const result = (id: string, name: string, response: Record<string, unknown>): Part => ({
  functionResponse: { id, name, response },
});

test("fromEvents() makes one message of an answer that comes in several events", () => {
  const events = [
    event("A", { text: "Hm.", thought: true }, { text: "Let me see." }),
    event("A", { ...call("adk-1", "f", { x: 1 }), thoughtSignature: "c2ln" }, call("adk-2", "g")),
    event("A", result("adk-1", "f", { result: [1] }), result("adk-2", "g", { a: 1, b: 2 })),
    event("A", { text: "Done." }),
  ];
  const f = { id: "adk-1", type: "function" as const, function: { name: "f", arguments: '{"x":1}' } };
  expect(fromEvents(events, "A")).toEqual([
    {
      role: "assistant",
      reasoning: "Hm.",
      content: "Let me see.",
      tool_calls: [
        { ...f, extra_content: { google: { thought_signature: "c2ln" } } } as typeof f,
        { id: "adk-2", type: "function", function: { name: "g", arguments: "{}" } },
      ],
    },
    { role: "tool", content: "[1]", tool_call_id: "adk-1", name: "f" },
    { role: "tool", content: '{"a":1,"b":2}', tool_call_id: "adk-2", name: "g" },
    { role: "assistant", content: "Done." },
  ]);
});

test("fromEvents() puts each result after its call, and names the agents that are not the root", () => {
  const events = [
    event("Left", call("l", "f")),
    event("Right", call("r", "f"), call("none", "f")),
    event("Right", result("r", "f", { result: "right" })),
    event("Left", result("l", "f", { result: "left" })),
    event("Left", { text: "One." }),
    event("Right", { text: "Two." }),
    event("Right", { text: "Three." }),
  ];
  const messages = fromEvents(events, "Root");
  expect(messages.map(({ role, name, content }) => [role, name, content])).toEqual([
    ["assistant", "Left", undefined],
    ["tool", "f", "left"],
    ["assistant", "Right", undefined],
    ["tool", "f", "right"],
    ["tool", "f", "There is no result."],
    ["assistant", "Left", "One."],
    ["assistant", "Right", "Two."],
    ["assistant", "Right", "Three."],
  ]);
});

test("fromEvents() leaves out what ADK and its client tell each other, and keeps an image", () => {
  const events = [
    event("A", call("1", "adk_request_confirmation")),
    event("user", result("1", "adk_request_confirmation", { confirmed: true }), { text: "Yes" }),
    event("A", { inlineData: { mimeType: "image/png", data: "iVBORw0KGgo" } }),
    createEvent({ author: "A" }),
  ];
  expect(fromEvents(events, "A")).toEqual([
    { role: "user", content: "Yes" },
    { role: "assistant", base64_image: "data:image/png;base64,iVBORw0KGgo" },
  ]);
});

const agents = (name: string | undefined) => (name === "Billing" ? name : "Root");

test("toEvents() takes what any SDK has written", () => {
  const messages: ChatMessage[] = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "", base64_image: "R0lGODlhAQ" },
    { role: "assistant", reasoning: "Hm." },
    {
      role: "assistant",
      name: "Billing",
      tool_calls: [
        { id: "call_1", type: "function", function: { name: "f", arguments: "" } },
        { id: "call_2", type: "function", function: { name: "g", arguments: "no JSON" } },
      ],
    },
    { role: "tool", content: "[1]", tool_call_id: "call_1" },
    { role: "tool", content: '{"a":1}', tool_call_id: "call_2", name: "g" },
    { role: "assistant", name: "Somebody", content: "Done." },
  ];
  expect(toEvents(messages, agents)).toEqual([
    {
      author: "user",
      content: { role: "user", parts: [{ inlineData: { mimeType: "image/gif", data: "R0lGODlhAQ" } }] },
    },
    { author: "Root" },
    {
      author: "Billing",
      content: {
        role: "model",
        parts: [
          { functionCall: { id: "adk-call_1", name: "f", args: {} } },
          { functionCall: { id: "adk-call_2", name: "g", args: { input: "no JSON" } } },
        ],
      },
    },
    {
      author: "Billing",
      content: {
        role: "user",
        parts: [{ functionResponse: { id: "adk-call_1", name: "f", response: { result: "[1]" } } }],
      },
    },
    {
      author: "Billing",
      content: {
        role: "user",
        parts: [{ functionResponse: { id: "adk-call_2", name: "g", response: { a: 1 } } }],
      },
    },
    { author: "Root", content: { role: "model", parts: [{ text: "Done." }] } },
  ]);
});

test("toEvents() gives back the thought signature of a call, and the session's state", () => {
  const signed = { google: { thought_signature: "c2ln" } };
  const message = {
    role: "assistant" as const,
    tool_calls: [
      {
        id: "adk-1",
        type: "function" as const,
        function: { name: "f", arguments: "{}" },
        extra_content: signed,
      },
    ],
    adk_state: { visits: 2 },
  };
  expect(toEvents([message], agents)).toEqual([
    {
      author: "Root",
      content: {
        role: "model",
        parts: [{ functionCall: { id: "adk-1", name: "f", args: {} }, thoughtSignature: "c2ln" }],
      },
      actions: { stateDelta: { visits: 2 } },
    },
  ]);
});
