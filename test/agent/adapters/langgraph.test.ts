import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Interrupt } from "motus-serve";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { startServer } from "../../helpers/start-server.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "langgraph", kind: "LangGraph graph", reasons: true });

/** A server for one graph of the fixture. */
const serve = (name: string): Promise<SdkServer> => startSdkServer(`langgraph.ts:${name}`);

describe("a graph of LangGraph", () => {
  let model: MockModel;
  beforeAll(async () => {
    model = await startMockModel();
  });
  afterAll(() => model?.[Symbol.asyncDispose]());

  test("says what its nodes add to the messages, and not what a helper says", async () => {
    await using sdk = await serve("chain");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "Go" });
    expect(said(events, "text-delta")).toBe("You said: a draftYou said: the last text");
    expect(events.filter(({ event }) => event === "text-delta").length).toBeGreaterThan(3);
    expect(events.at(-1)?.data).toMatchObject({
      response: { content: "You said: the last text" },
      receipt: { usage: { input_tokens: 33, output_tokens: 21, total_tokens: 54 } },
    });
    const contents = (await sdk.messages(id)).map(({ content }) => content);
    expect(contents).toEqual(["Go", "You said: a draft", "You said: the last text"]);
  });

  test("whose models speak at once says one after the other", async () => {
    await using sdk = await serve("chorus");
    const id = await sdk.server.createSession();
    const text = said(await sdk.stream(id, { content: "Go" }), "text-delta");
    const parts = ["You said: left, at some length", "You said: right, at some length"];
    expect([parts.join(""), parts.toReversed().join("")]).toContain(text);
    expect((await sdk.messages(id)).slice(1).map(({ content }) => content)).toEqual(parts);
  });

  test("says once what a node copies into a message of its own", async () => {
    await using sdk = await serve("copying");
    const events = await sdk.stream(await sdk.server.createSession(), { content: "Tell me a story" });
    expect(said(events, "text-delta")).toBe("You said: Tell me a story");
    expect(events.filter(({ event }) => event === "text-delta").length).toBeGreaterThan(2);
    expect(events.at(-1)?.data.response.content).toBe("You said: Tell me a story");
  });

  test("does not say what a model says that is tagged nostream, and counts its tokens", async () => {
    await using sdk = await serve("whispered");
    const events = await sdk.stream(await sdk.server.createSession(), { content: "Go" });
    expect(said(events, "text-delta")).toBe("You said: 18 letters");
    expect(events.at(-1)?.data.receipt.usage.input_tokens).toBe(22);
  });

  test("says what an agent says that is a node, and not what a tool's agent says", async () => {
    await using sdk = await serve("nested");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "weather in Paris" });
    expect(said(events, "text-delta")).toBe("The tool said: You said: Paris");
    expect(events.filter(({ event }) => event === "text-delta").length).toBeGreaterThan(2);
    expect(
      events.filter(({ event }) => event?.startsWith("tool-")).map(({ data }) => data.tool_name),
    ).toEqual(["get_weather", "get_weather"]);
    expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    expect(events.at(-1)?.data.receipt.usage.input_tokens).toBe(33);
  });

  test("asks a person from within an agent that is a node", async () => {
    await using sdk = await serve("nested");
    const asking = await sdk.server.turn(await sdk.server.createSession(), "delete a.txt");
    expect(asking.interrupts?.[0]?.payload).toMatchObject({ tool_name: "delete_file" });
    const done = await sdk.resume(asking, { approved: true });
    expect(done.response?.content).toBe("The tool said: Deleted a.txt");
  });

  test("asks all at once what its nodes ask at once", async () => {
    await using sdk = await serve("asking");
    const id = await sdk.server.createSession();
    await sdk.server.turn(id, "Go");
    let interrupts: Interrupt[] = [];
    await until("both questions are asked", async () => {
      interrupts = (await sdk.server.request("GET", `/sessions/${id}`)).body.interrupts ?? [];
      return interrupts.length === 2;
    });
    expect(interrupts.map(({ payload }) => payload)).toEqual(["Which colour?", { question: "Which size?" }]);
    for (const [index, value] of ["red", "XL"].entries()) {
      const interrupt_id = interrupts[index]?.interrupt_id;
      await sdk.server.request("POST", `/sessions/${id}/resume`, { interrupt_id, value });
    }
    const { body } = await sdk.server.request("GET", `/sessions/${id}?wait=true`);
    expect(body.response.content).toBe("colour red, size XL");
  });

  test("says that a tool has failed", async () => {
    await using sdk = await serve("failing");
    const events = await sdk.stream(await sdk.server.createSession(), { content: "weather in Atlantis" });
    const result = events.find(({ event }) => event === "tool-result");
    expect(result?.data).toMatchObject({
      tool_name: "get_weather",
      is_error: true,
      output: expect.stringContaining("No such city"),
    });
    expect(events.at(-1)?.data.response.content).toContain("No such city");
  });

  test("may have a reducer of its own for its messages", async () => {
    await using sdk = await serve("plain");
    const id = await sdk.server.createSession();
    expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
    expect((await sdk.server.turn(id, "Bye")).response?.content).toBe(
      "You said: Hello / You said: Hello / Bye",
    );
  });

  test("that adds no message fails its turn", async () => {
    await using sdk = await serve("silent");
    const { status, error } = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(status).toBe("error");
    expect(error).toContain("The graph has ended without an answer");
  });

  test.each([
    ["withoutMessages", 'has no channel "messages"'],
    ["stopping", "interruptBefore"],
  ])("that holds no conversation is refused at the start: %s", async (name, reason) => {
    const folder = new URL("../../fixtures/sdks/", import.meta.url).pathname;
    const start = startServer(`langgraph.ts:${name}`, { folder });
    await expect(start).rejects.toThrow(reason);
    await expect(start).rejects.toMatchObject({ code: "agent_invalid" });
  });
});
