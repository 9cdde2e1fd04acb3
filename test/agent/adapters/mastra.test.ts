import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "mastra", kind: "Mastra agent", reasons: true });

let model: MockModel;
beforeAll(async () => {
  model = await startMockModel();
});
afterAll(() => model?.[Symbol.asyncDispose]());

const serve = (name: string): Promise<SdkServer> => startSdkServer(`mastra.ts:${name}`);

describe("a question", () => {
  test("is asked for each of several calls, one after the other, as Mastra runs them", async () => {
    await using sdk = await serve("agent");
    const id = await sdk.server.createSession();
    const first = await sdk.server.turn(id, "delete a.txt delete b.txt");
    expect(first.interrupts).toMatchObject([{ payload: { tool_args: { path: "a.txt" } } }]);
    const second = await sdk.resume(first, { approved: true });
    expect(second.interrupts).toMatchObject([{ payload: { tool_args: { path: "b.txt" } } }]);
    const done = await sdk.resume(second, { approved: false, message: "Not that one" });
    expect(done).toMatchObject({ status: "idle", turn: { usage: { total_tokens: 36 } } });
    const results = (await sdk.messages(id)).filter(({ role }) => role === "tool");
    expect(results.map(({ content }) => content)).toEqual(["Deleted a.txt", "Not that one"]);
  });

  test("of a tool that suspends itself gets the person's answer back", async () => {
    await using sdk = await serve("suspending");
    const id = await sdk.server.createSession();
    const asking = await sdk.server.turn(id, "weather in Paris");
    expect(asking.interrupts).toMatchObject([{ payload: { question: "Which Paris?" } }]);
    const done = await sdk.resume(asking, { country: "Texas" });
    expect(done).toMatchObject({
      status: "idle",
      response: { content: "The tool said: Sunny in Paris, Texas" },
      turn: { usage: { input_tokens: 22, output_tokens: 14, total_tokens: 36 } },
    });
    expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
  });

  test("of tools that run side by side are asked at once", async () => {
    await using sdk = await serve("suspendingAtOnce");
    const id = await sdk.server.createSession();
    await sdk.server.turn(id, "delete a.txt delete b.txt");
    const get = async () => (await sdk.server.request("GET", `/sessions/${id}`)).body;
    await until("both are asked", async () => (await get()).interrupts?.length === 2);
    const asking = await get();
    expect(asking.interrupts.map(({ payload }: { payload: unknown }) => payload)).toEqual(["a.txt", "b.txt"]);
    await sdk.server.request("POST", `/sessions/${id}/resume`, {
      interrupt_id: asking.interrupts[1].interrupt_id,
      value: "two",
    });
    const done = await sdk.resume(asking, "one");
    expect(done.status).toBe("idle");
    const results = (await sdk.messages(id)).filter(({ role }) => role === "tool");
    expect(results.map(({ content }) => content)).toEqual(["a.txt: one", "b.txt: two"]);
  });

  test("that nobody could have foreseen fails the turn, and says what to do", async () => {
    await using sdk = await serve("suspendingWithoutStorage");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "delete a.txt");
    expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(failed.error).toContain('The tool "delete_file" waits for an answer');
  });

  test("of an agent that is called as a tool is asked too, and all tokens are counted", async () => {
    await using sdk = await serve("delegating");
    const id = await sdk.server.createSession();
    const asking = await sdk.server.turn(id, "delegate delete a.txt");
    expect(asking.interrupts).toMatchObject([{ payload: { tool_name: "delete_file" } }]);
    const done = await sdk.resume(asking, { approved: true });
    // The answer of the helper goes on to the model without what surrounds it.
    expect(done).toMatchObject({
      status: "idle",
      response: { content: "The tool said: The tool said: Deleted a.txt" },
      turn: { usage: { input_tokens: 44, output_tokens: 28, total_tokens: 72 } },
    });
    expect((await sdk.messages(id))[2]).toMatchObject({
      role: "tool",
      content: "The tool said: Deleted a.txt",
    });
  });
});

describe("a guardrail", () => {
  test("of the input refuses, and the session stays idle", async () => {
    await using sdk = await serve("inputGuarded");
    const id = await sdk.server.createSession();
    const refused = await sdk.server.turn(id, "Tell me a story");
    expect(refused).toMatchObject({
      status: "idle",
      error: null,
      response: { role: "assistant", content: 'Refused by the guardrail "no-stories".' },
      turn: { outcome: "completed", usage: null },
    });
    expect((await sdk.messages(id)).map(({ role }) => role)).toEqual(["user", "assistant"]);
  });

  test("of the whole output refuses before a word was streamed", async () => {
    await using sdk = await serve("outputGuarded");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "Tell me a story" });
    expect(said(events, "text-delta")).toBe('Refused by the guardrail "no-stories".');
    expect(events.at(-1)?.data).toMatchObject({
      outcome: "completed",
      receipt: { usage: { total_tokens: 18 } },
    });
    expect(JSON.stringify(await sdk.messages(id))).not.toContain("You said");
    expect(said(await sdk.stream(await sdk.server.createSession(), { content: "Hello" }), "text-delta")).toBe(
      "You said: Hello",
    );
  });
});

describe("a structured answer", () => {
  test("that does not fit its schema fails the turn", async () => {
    await using sdk = await serve("structured");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(failed.error).toContain("Structured output validation failed");
  });

  test("that a second question has made is streamed when it is there", async () => {
    await using sdk = await serve("structuredTwice");
    const events = await sdk.stream(await sdk.server.createSession(), { content: "json" });
    const { response } = events.at(-1)?.data ?? {};
    expect(JSON.parse(response.content)).toEqual({ city: "Paris", degrees: 21 });
    expect(said(events, "text-delta")).toBe(response.content);
  });
});

test("a tool that fails is said to have failed, to the model too", async () => {
  await using sdk = await serve("failingTool");
  const events = await sdk.stream(await sdk.server.createSession(), { content: "weather in Paris" });
  expect(events.find(({ event }) => event === "tool-result")?.data).toMatchObject({
    tool_name: "get_weather",
    output: expect.stringContaining("No satellite"),
    is_error: true,
  });
  expect(events.at(-1)?.data.response.content).toContain("No satellite");
});

test("a run that may take no more steps fails, and says so", async () => {
  await using sdk = await serve("oneStep");
  const failed = await sdk.server.turn(await sdk.server.createSession(), "weather in Paris");
  expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed", usage: { total_tokens: 18 } } });
  expect(failed.error).toContain("allow it more steps with maxSteps");
});

test("a tool that the agent ends with gives the answer", async () => {
  await using sdk = await serve("stopsAtTool");
  const id = await sdk.server.createSession();
  expect((await sdk.server.turn(id, "weather in Kiel")).response?.content).toBe("Sunny in Kiel");
  expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "assistant",
  ]);
  expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
});

test("what an agent remembers by itself is not told to the model beside the conversation", async () => {
  await using sdk = await serve("remembering");
  const id = await sdk.server.createSession();
  await sdk.server.turn(id, "Hello");
  const { response } = await sdk.server.turn(id, "recall");
  expect(response?.content?.split("\n")).toEqual([
    "system: Be brief.",
    "user: Hello",
    "assistant: You said: Hello",
    "user: recall",
  ]);
});

test("a durable agent runs as a plain one, also as a Mastra wraps it", async () => {
  await using sdk = await serve("durable");
  const { response } = await sdk.server.turn(await sdk.server.createSession(), "weather in Oslo");
  expect(response?.content).toBe("The tool said: Sunny in Oslo");

  await using wrapped = await serve("durableInMastra");
  const id = await wrapped.server.createSession();
  const asking = await wrapped.server.turn(id, "delete a.txt");
  const done = await wrapped.resume(asking, { approved: true });
  expect(done).toMatchObject({ status: "idle", response: { content: "The tool said: Deleted a.txt" } });
  expect(await wrapped.messages(id)).toHaveLength(4);
});

test("a model may be given by its name", async () => {
  await using sdk = await serve("routed");
  const { response } = await sdk.server.turn(await sdk.server.createSession(), "weather in Oslo");
  expect(response?.content).toBe("The tool said: Sunny in Oslo");
});

test("an agent that waits for nobody is left alone", async () => {
  await using sdk = await serve("plain");
  const { response } = await sdk.server.turn(await sdk.server.createSession(), "recall");
  expect(response?.content).toStartWith("system: Has a Mastra: false");
});

test.each(["agent", "routed"])("a key that is missing is said at the start: %s", async (name) => {
  const key = process.env.OPENAI_API_KEY;
  delete process.env.OPENAI_API_KEY;
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => warnings.push(text),
  };
  try {
    await using sdk = await startSdkServer(`mastra.ts:${name}`, { logger });
    expect(warnings).toEqual([expect.stringContaining("OPENAI_API_KEY")]);
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed).toMatchObject({ status: "error", error: expect.stringContaining("OPENAI_API_KEY") });
  } finally {
    process.env.OPENAI_API_KEY = key;
  }
});
