import { describe, expect, test } from "bun:test";
import type { ModelMessage } from "ai";
import type { ChatMessage } from "motus-serve";
import { fromMastraMessages, toMastraMessages } from "../../../src/agent/adapters/mastra-messages.ts";
import { png } from "../../contracts/agent-adapter.ts";

const call = { id: "1", type: "function", function: { name: "shoot", arguments: "{}" } } as const;

/** What Mastra gives of a tool whose `toModelOutput` tells the model something else than its result. */
function toldToModel(modelOutput: object): ModelMessage {
  const providerOptions = { mastra: { modelOutput } } as never;
  const output = { type: "json", value: { huge: true } } as const;
  return {
    role: "tool",
    content: [{ type: "tool-result", toolCallId: "1", toolName: "shoot", output, providerOptions }],
  };
}

describe("fromMastraMessages()", () => {
  test("keeps of a tool's result what the model saw of it", () => {
    expect(fromMastraMessages([toldToModel({ type: "text", value: "Done" })])).toEqual([
      { role: "tool", tool_call_id: "1", name: "shoot", content: "Done" },
    ]);
  });

  test.each(["media", "image-data"])("keeps an image that a tool gave, as %s", (type) => {
    const value = [
      { type: "text", text: "A dot" },
      { type, data: png, mediaType: "image/png" },
    ];
    expect(fromMastraMessages([toldToModel({ type: "content", value })])).toEqual([
      {
        role: "tool",
        tool_call_id: "1",
        name: "shoot",
        content: "A dot",
        base64_image: `data:image/png;base64,${png}`,
      },
    ]);
  });
});

describe("toMastraMessages()", () => {
  test("gives the image of a tool's result as one, and the text beside it", () => {
    const messages: ChatMessage[] = [
      { role: "assistant", tool_calls: [call] },
      { role: "tool", tool_call_id: "1", name: "shoot", content: "A dot", base64_image: png },
    ];
    const [, result] = toMastraMessages(messages);
    expect(result?.content).toMatchObject([
      {
        type: "tool-result",
        providerOptions: {
          mastra: {
            modelOutput: {
              type: "content",
              value: [
                { type: "text", text: "A dot" },
                { type: "media", data: png, mediaType: "image/png" },
              ],
            },
          },
        },
      },
    ]);
    expect(fromMastraMessages(toMastraMessages(messages))[1]).toEqual({
      ...messages[1],
      base64_image: `data:image/png;base64,${png}`,
    } as ChatMessage);
  });

  test("leaves all else as the AI SDK has it", () => {
    expect(toMastraMessages([{ role: "user", content: "Hello" }])).toEqual([
      { role: "user", content: "Hello" },
    ]);
  });
});
