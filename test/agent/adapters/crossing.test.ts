/** What the agents of one SDK wrote, the agents of every other can go on with. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ChatMessage } from "motus-serve";
import { png, type SdkServer, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";

const sdks = ["openai-agents", "anthropic", "google-adk", "ai-sdk", "react-agent", "langchain", "mastra"];

let model: MockModel;
const servers = new Map<string, SdkServer>();
const states = new Map<string, ChatMessage[]>();

beforeAll(async () => {
  model = await startMockModel();
  for (const sdk of sdks) {
    const server = await startSdkServer(`${sdk}.ts:agent`);
    servers.set(sdk, server);
    const id = await server.server.createSession();
    await server.stream(id, { content: "What is this?", base64_image: png });
    await server.stream(id, { content: "think" });
    await server.stream(id, { content: "weather in Oslo" });
    states.set(sdk, await server.messages(id));
  }
}, 60_000);
afterAll(async () => {
  for (const server of servers.values()) await server[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
});

describe.each(sdks)("what %s wrote", (writer) => {
  test.each(sdks)("is read by %s", async (reader) => {
    const { server, messages } = servers.get(reader)!;
    const state = states.get(writer)!;
    const id = await server.createSession({ state });
    const { response, error } = await server.turn(id, "recall");
    expect(error).toBeNull();
    const lines = response?.content?.split("\n").filter((line) => !line.startsWith("system:")) ?? [];
    expect(lines.map((line) => line.split(":")[0])).toEqual([
      "user",
      "assistant",
      "user",
      "assistant",
      "user",
      "assistant",
      "tool",
      "assistant",
      "user",
    ]);
    expect(lines[0]).toBe("user: What is this?");
    expect(lines[1]).toBe("assistant: You said: What is this?");
    expect(lines[3]).toBe("assistant: I have thought.");
    expect(lines[5]).toBe('assistant: get_weather({"city":"Oslo"})');
    expect(lines[6]).toContain("Sunny in Oslo");
    expect(lines[7]).toContain("Sunny in Oslo");
    expect(model.requests.at(-1)?.text).toContain(png);
    // What was there before is as it was, to the letter.
    expect((await messages(id)).slice(0, state.length)).toEqual(state);
  });
});
