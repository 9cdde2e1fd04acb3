import { describe, expect, test } from "bun:test";
import { AIMessage, HumanMessage, SystemMessage, ToolMessage } from "@langchain/core/messages";
import type { ChatMessage } from "motus-serve";
import { outputOf, textIn } from "../../../src/agent/adapters/langchain-content.ts";
import { fromMessages, toMessages } from "../../../src/agent/adapters/langchain-messages.ts";

describe("toMessages()", () => {
  const details = [
    { type: "reasoning.text", text: "Hm", signature: "signed", format: "anthropic-claude-v1" },
    { type: "reasoning.text", text: "Unsigned", format: "anthropic-claude-v1" },
    { type: "reasoning.encrypted", data: "hidden", format: "anthropic-claude-v1" },
    { type: "reasoning.encrypted", data: "sealed", format: "openai-responses-v1" },
  ];
  const call = { id: "c1", type: "function" as const, function: { name: "add", arguments: '{"a":1}' } };
  const thinking: ChatMessage = {
    role: "assistant",
    content: "One",
    reasoning: "Hm",
    reasoning_details: details,
    tool_calls: [call],
  };

  test("gives Claude its own thinking back, before text and calls", () => {
    const [message] = toMessages([thinking], true);
    expect(message).toMatchObject({
      role: "assistant",
      content: [
        { type: "thinking", thinking: "Hm", signature: "signed" },
        { type: "redacted_thinking", data: "hidden" },
        { type: "text", text: "One" },
        { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
      ],
      tool_calls: [{ type: "tool_call", id: "c1", name: "add", args: { a: 1 } }],
    });
  });

  test("gives it to no other model", () => {
    const [message] = toMessages([thinking], false);
    expect(message).toMatchObject({
      content: "One",
      response_metadata: {
        output: [
          { type: "reasoning", summary: [], encrypted_content: "sealed" },
          { type: "message", role: "assistant", content: "One" },
          { type: "function_call", call_id: "c1", name: "add", arguments: '{"a":1}' },
        ],
      },
    });
    expect(JSON.stringify(message)).not.toContain("signed");
  });

  test("makes an object of arguments that are none", () => {
    const calls = ["not JSON", "[1]", ""].map((text) => ({
      ...call,
      function: { ...call.function, arguments: text },
    }));
    const [message] = toMessages([{ role: "assistant", tool_calls: calls }], false);
    expect(message).toMatchObject({
      tool_calls: [{ args: { value: "not JSON" } }, { args: { value: [1] } }, { args: {} }],
    });
  });

  test("puts system messages first, and answers calls that nobody has answered", () => {
    const messages = toMessages(
      [
        { role: "assistant", tool_calls: [call] },
        { role: "system", content: "A rule" },
        { role: "user", content: "Go on" },
      ],
      false,
    );
    expect(messages).toMatchObject([
      { role: "system", content: "A rule" },
      { role: "assistant" },
      { role: "tool", tool_call_id: "c1", name: "add", content: "This call was never answered." },
      { role: "user" },
    ]);
  });

  test("finds the name of a result's tool, and leaves out names that providers refuse", () => {
    const messages = toMessages(
      [
        { role: "assistant", name: "Billing Agent", tool_calls: [call] },
        { role: "tool", content: "1", tool_call_id: "c1" },
        { role: "assistant", name: "billing", content: "Done" },
      ],
      false,
    );
    expect(messages[0]).not.toHaveProperty("name");
    expect(messages[1]).toMatchObject({ role: "tool", name: "add", tool_call_id: "c1" });
    expect(messages[2]).toMatchObject({ name: "billing" });
  });
});

describe("fromMessages()", () => {
  test("keeps thinking with what lets its provider take it back", () => {
    const claude = new AIMessage({
      content: [
        { type: "thinking", thinking: "Hm", signature: "signed" },
        { type: "redacted_thinking", data: "hidden" },
        { type: "text", text: "One" },
        { type: "tool_use", id: "c1", name: "add", input: { a: 1 } },
      ],
      tool_calls: [{ id: "c1", name: "add", args: { a: 1 } }],
    });
    const openai = new AIMessage({
      content: [{ type: "reasoning", reasoning: "Hm" } as never, { type: "text", text: "Two" }],
      additional_kwargs: { reasoning: { id: "rs_1", encrypted_content: "sealed" } },
    });
    const [first, second] = fromMessages([claude, openai]);
    expect(first).toEqual({
      role: "assistant",
      content: "One",
      reasoning: "Hm",
      reasoning_details: [
        { type: "reasoning.text", text: "Hm", signature: "signed", format: "anthropic-claude-v1" },
        { type: "reasoning.encrypted", data: "hidden", format: "anthropic-claude-v1" },
      ],
      tool_calls: [{ id: "c1", type: "function", function: { name: "add", arguments: '{"a":1}' } }],
    });
    expect(second).toEqual({
      role: "assistant",
      content: "Two",
      reasoning: "Hm",
      reasoning_details: [
        { type: "reasoning.encrypted", id: "rs_1", data: "sealed", format: "openai-responses-v1" },
      ],
    });
  });

  test("keeps the first image of a tool or a model", () => {
    const image_url = { url: "data:image/png;base64,AAAA" };
    const tool = new ToolMessage({
      content: [
        { type: "text", text: "Here" },
        { type: "image_url", image_url },
      ],
      tool_call_id: "c1",
      name: "draw",
    });
    const model = new AIMessage({
      content: [{ type: "image", data: "BBBB", mimeType: "image/webp" } as never],
    });
    expect(fromMessages([tool, model])).toEqual([
      { role: "tool", content: "Here", tool_call_id: "c1", name: "draw", base64_image: image_url.url },
      { role: "assistant", content: "", base64_image: "data:image/webp;base64,BBBB" },
    ]);
  });

  test("keeps Gemini's signature of a call, and gives it back", () => {
    const signatures = { __gemini_function_call_thought_signatures__: { c1: "signed" } };
    const gemini = new AIMessage({
      content: "",
      tool_calls: [{ id: "c1", name: "add", args: {} }],
      additional_kwargs: signatures,
    });
    const messages = fromMessages([gemini]);
    expect(messages[0]?.tool_calls?.[0]).toMatchObject({
      id: "c1",
      extra_content: { google: { thought_signature: "signed" } },
    });
    expect(toMessages(messages, false)[0]).toMatchObject({ additional_kwargs: signatures });
  });

  test("keeps reasoning of providers that have no block for it, and what nodes add besides", () => {
    const messages = [
      new AIMessage({ content: "One", additional_kwargs: { reasoning_content: "Hm" }, name: "model" }),
      new HumanMessage("A critic's remark"),
      new SystemMessage("A rule"),
      new ToolMessage({ content: "1", tool_call_id: "c1", name: "add" }),
    ];
    expect(fromMessages(messages)).toEqual([
      { role: "assistant", content: "One", reasoning: "Hm" },
      { role: "user", content: "A critic's remark" },
      { role: "system", content: "A rule" },
      { role: "tool", content: "1", tool_call_id: "c1", name: "add" },
    ]);
  });
});

test("textIn() joins texts, is silent about the rest, and tells of a refusal", () => {
  const text = (content: unknown, additional_kwargs = {}) =>
    textIn(new AIMessage({ content: content as string, additional_kwargs }));
  expect(text("One")).toBe("One");
  const thinking = { type: "thinking", thinking: "Hm" };
  expect(text([{ type: "text", text: "O" }, thinking, { type: "text", text: "k" }])).toBe("Ok");
  expect(
    text([
      { type: "text", citations: [] },
      { type: "input_json_delta", input: "{" },
    ]),
  ).toBe("");
  expect(text("", { refusal: "I will not" })).toBe("I will not");
});

test("outputOf() parses what was an object, and leaves a text as it is", () => {
  const output = (content: string) => outputOf(new ToolMessage({ content, tool_call_id: "c1" }));
  expect(output('{"degrees":21}')).toEqual({ degrees: 21 });
  expect(output("[unclear]")).toBe("[unclear]");
  expect(output("21")).toBe("21");
  const blocks = [{ type: "file", url: "u" }];
  expect(outputOf(new ToolMessage({ content: blocks as never, tool_call_id: "c1" }))).toEqual(blocks);
});
