import { describe, expect, test } from "bun:test";
import type { ModelMessage } from "ai";
import type { ChatMessage } from "motus-serve";
import { fromModelMessages, toModelMessages } from "../../../src/agent/adapters/ai-sdk-messages.ts";

const call = { id: "c1", type: "function", function: { name: "look", arguments: '{"at":"sky"}' } } as const;
const callPart = { type: "tool-call", toolCallId: "c1", toolName: "look", input: { at: "sky" } } as const;

/** What is kept of an assistant's message, and what is sent of that again. */
function roundTrip(message: ModelMessage): [ChatMessage[], ModelMessage[]] {
  const kept = fromModelMessages([message]);
  return [kept, toModelMessages(kept)];
}

describe("toModelMessages()", () => {
  test("puts system messages first", () => {
    const messages: ChatMessage[] = [
      { role: "user", content: "Hi" },
      { role: "system", content: "Be brief." },
    ];
    expect(toModelMessages(messages)).toEqual([
      { role: "system", content: "Be brief." },
      { role: "user", content: "Hi" },
    ]);
  });

  test("gives a result its tool's name from the call", () => {
    const result: ChatMessage = { role: "tool", tool_call_id: "c1", content: "blue" };
    expect(toModelMessages([{ role: "assistant", tool_calls: [call] }, result])).toEqual([
      { role: "assistant", content: [callPart] },
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            toolCallId: "c1",
            toolName: "look",
            output: { type: "text", value: "blue" },
          },
        ],
      },
    ]);
  });

  test("gives a call that was never answered a result that says so", () => {
    const [, result] = toModelMessages([{ role: "assistant", tool_calls: [call] }]);
    expect(result).toMatchObject({
      role: "tool",
      content: [{ toolCallId: "c1", toolName: "look", output: { type: "error-text" } }],
    });
  });

  test("leaves out what says nothing, and arguments that are no object", () => {
    const broken = { ...call, function: { name: "look", arguments: "{ no" } };
    const [message] = toModelMessages([
      { role: "assistant", content: "" },
      { role: "assistant", tool_calls: [broken] },
    ]);
    expect(message).toMatchObject({ role: "assistant", content: [{ ...callPart, input: {} }] });
  });

  test("shows images of people and of tools", () => {
    const image = { base64_image: "data:image/webp;base64,AAAA" };
    const messages: ChatMessage[] = [
      { role: "user", ...image },
      { role: "assistant", tool_calls: [call] },
      { role: "tool", tool_call_id: "c1", content: "the sky", ...image },
    ];
    const [user, , tool] = toModelMessages(messages);
    expect(user?.content).toEqual([{ type: "file", data: "AAAA", mediaType: "image/webp" }]);
    expect(tool?.content).toMatchObject([
      {
        output: {
          type: "content",
          value: [
            { type: "text", text: "the sky" },
            { type: "file", data: { type: "data", data: "AAAA" }, mediaType: "image/webp" },
          ],
        },
      },
    ]);
  });

  test("does not send reasoning that its provider has not marked", () => {
    const message: ChatMessage = { role: "assistant", content: "Blue", reasoning: "It is day." };
    expect(toModelMessages([message])).toEqual([
      { role: "assistant", content: [{ type: "text", text: "Blue" }] },
    ]);
  });
});

describe("fromModelMessages()", () => {
  test("keeps texts as one, and calls as they are", () => {
    const content = [{ type: "text", text: "I " }, { type: "text", text: "look." }, callPart] as const;
    expect(fromModelMessages([{ role: "assistant", content: [...content] }])).toEqual([
      { role: "assistant", content: "I look.", tool_calls: [call] },
    ]);
  });

  test("leaves out what ran at the provider", () => {
    const content = [{ ...callPart, providerExecuted: true }];
    expect(fromModelMessages([{ role: "assistant", content }])).toEqual([]);
  });

  test("keeps an image that the model made, and one that a tool gave", () => {
    const file = { type: "file", data: "AAAA", mediaType: "image/png" } as const;
    const part = { type: "file", data: { type: "data", data: "BBBB" }, mediaType: "image" } as const;
    const output = { type: "content" as const, value: [{ type: "text" as const, text: "Here" }, part] };
    const result = { type: "tool-result" as const, toolCallId: "c1", toolName: "look", output };
    expect(
      fromModelMessages([
        { role: "assistant", content: [file] },
        { role: "tool", content: [result] },
      ]),
    ).toEqual([
      { role: "assistant", base64_image: "data:image/png;base64,AAAA" },
      {
        role: "tool",
        content: "Here",
        tool_call_id: "c1",
        name: "look",
        base64_image: "data:image/png;base64,BBBB",
      },
    ]);
  });

  test.each([
    ["json", { type: "json", value: { sky: "blue" } }, '{"sky":"blue"}'],
    ["an error", { type: "error-text", value: "It is night" }, "It is night"],
    ["a denial", { type: "execution-denied", reason: "Not now" }, "Not now"],
    ["a denial without a reason", { type: "execution-denied" }, "This call was denied."],
  ] as const)("keeps %s of a tool as text", (_, output, content) => {
    const result = { type: "tool-result", toolCallId: "c1", toolName: "look", output } as const;
    expect(fromModelMessages([{ role: "tool", content: [result] }])[0]?.content).toBe(content);
  });
});

describe("what a provider wants back is kept in public forms and given back", () => {
  const text = { type: "text", text: "Blue" } as const;
  const reasoning = (words: string, providerOptions: Record<string, Record<string, string>>) =>
    ({ type: "reasoning", text: words, providerOptions }) as const;

  test("Claude's thinking with its signature, and what is redacted of it", () => {
    const thinking = reasoning("It is day.", { anthropic: { signature: "sig" } });
    const redacted = reasoning("", { anthropic: { redactedData: "xyz" } });
    const message = { role: "assistant" as const, content: [thinking, redacted, text] };
    const format = "anthropic-claude-v1";
    expect(roundTrip(message)).toEqual([
      [
        {
          role: "assistant",
          content: "Blue",
          reasoning: "It is day.",
          reasoning_details: [
            { type: "reasoning.text", text: "It is day.", signature: "sig", format },
            { type: "reasoning.encrypted", data: "xyz", format },
          ],
        },
      ],
      [message],
    ]);
  });

  test("OpenAI's encrypted reasoning, once, without the ids of its store", () => {
    const options = { openai: { itemId: "rs_1", reasoningEncryptedContent: "xyz" } };
    const [kept, sent] = roundTrip({
      role: "assistant",
      content: [reasoning("It is day.", options), reasoning("So blue.", options), text],
    });
    expect(kept).toEqual([
      {
        role: "assistant",
        content: "Blue",
        reasoning: "It is day.\n\nSo blue.",
        reasoning_details: [{ type: "reasoning.encrypted", data: "xyz", format: "openai-responses-v1" }],
      },
    ]);
    expect(sent).toEqual([
      { role: "assistant", content: [reasoning("", { openai: { reasoningEncryptedContent: "xyz" } }), text] },
    ]);
  });

  test("Gemini's signature of a call", () => {
    const providerOptions = { google: { thoughtSignature: "sig" } };
    const [kept, sent] = roundTrip({ role: "assistant", content: [{ ...callPart, providerOptions }] });
    expect(kept).toEqual([
      {
        role: "assistant",
        tool_calls: [{ ...call, extra_content: { google: { thought_signature: "sig" } } } as typeof call],
      },
    ]);
    expect(sent[0]).toEqual({ role: "assistant", content: [{ ...callPart, providerOptions }] });
  });
});
