import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "ai-sdk", kind: "AI SDK agent", reasons: true });

let model: MockModel;
beforeAll(async () => {
  model = await startMockModel();
});
afterAll(() => model?.[Symbol.asyncDispose]());

const serve = (name: string): Promise<SdkServer> => startSdkServer(`ai-sdk.ts:${name}`);

/** What the server says of an agent when it starts. */
async function warningsOf(name: string): Promise<string[]> {
  const warnings: string[] = [];
  const warn = (_: object, text: string) => warnings.push(text);
  const logger = { debug() {}, info() {}, error() {}, warn };
  await using _ = await startSdkServer(`ai-sdk.ts:${name}`, { logger });
  return warnings;
}

describe("approvals", () => {
  test("that a tool asks for by itself are asked", async () => {
    await using sdk = await serve("asking");
    const asking = await sdk.server.turn(await sdk.server.createSession(), "delete notes.txt");
    expect(asking.interrupts?.[0]?.payload).toMatchObject({ tool_name: "delete_file" });
    expect((await sdk.resume(asking, { approved: true })).response?.content).toContain("Deleted notes.txt");
  });

  test("of several calls are asked at once", async () => {
    await using sdk = await serve("agent");
    const { session_id: id } = await sdk.server.turn(
      await sdk.server.createSession(),
      "delete a.txt delete b.txt",
    );
    const get = async () => (await sdk.server.request("GET", `/sessions/${id}`)).body;
    await until("both are asked", async () => (await get()).interrupts.length === 2);
    const [first, second] = (await get()).interrupts;
    const resume = (interrupt_id: string, value: object) =>
      sdk.server.request("POST", `/sessions/${id}/resume`, { interrupt_id, value });
    await resume(second.interrupt_id, { approved: true });
    await resume(first.interrupt_id, { approved: false });
    const { body } = await sdk.server.request("GET", `/sessions/${id}?wait=true`);
    expect(body.status).toBe("idle");
    const contents = Object.fromEntries(
      (await sdk.messages(id)).flatMap(({ role, tool_call_id, content }) =>
        role === "tool" ? [[tool_call_id, content]] : [],
      ),
    );
    const [a, b] = (await sdk.messages(id))[1]?.tool_calls ?? [];
    expect(contents).toEqual({
      [a?.id ?? ""]: "A person has denied this call.",
      [b?.id ?? ""]: "Deleted b.txt",
    });
  });

  test("that the agent denies by itself are not asked, and the model and the reader are told why", async () => {
    await using sdk = await serve("denying");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "delete notes.txt" });
    expect(events.filter(({ event }) => event === "tool-result").map(({ data }) => data)).toEqual([
      expect.objectContaining({ tool_name: "delete_file", output: "Files are kept", is_error: true }),
    ]);
    expect(events.at(-1)?.data.response.content).toBe("The tool said: Files are kept");
    expect((await sdk.messages(id))[2]).toMatchObject({ role: "tool", content: "Files are kept" });
  });

  for (const approved of [true, false]) {
    test(`answered ${approved} are followed by one result of one call`, async () => {
      await using sdk = await serve("agent");
      const id = await sdk.server.createSession();
      const streamed = sdk.stream(id, { content: "delete notes.txt" });
      const get = async () => (await sdk.server.request("GET", `/sessions/${id}`)).body;
      await until("it is asked", async () => (await get()).status === "interrupted");
      await sdk.resume(await get(), { approved, message: "Not today" });
      const events = (await streamed).filter(({ event }) => event?.startsWith("tool-"));
      expect(events.map(({ data }) => [data.type, data.output, data.is_error])).toEqual([
        ["tool-call", undefined, undefined],
        ["tool-result", approved ? "Deleted notes.txt" : "Not today", !approved],
      ]);
    });
  }
});

describe("tools", () => {
  test("that throw are told to the model and to the reader as an error, and kept", async () => {
    await using sdk = await serve("failingTool");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "weather in Atlantis" });
    expect(events.find(({ event }) => event === "tool-result")?.data).toMatchObject({
      tool_name: "get_weather",
      output: "Error: No weather in Atlantis",
      is_error: true,
    });
    expect(events.at(-1)?.data.outcome).toBe("completed");
    expect((await sdk.messages(id))[2]).toMatchObject({
      role: "tool",
      content: "Error: No weather in Atlantis",
    });
  });

  test("that give results bit by bit are heard once, with the last", async () => {
    await using sdk = await serve("gradual");
    const events = await sdk.stream(await sdk.server.createSession(), { content: "weather in Bonn" });
    const results = events.filter(({ event }) => event === "tool-result");
    expect(results.map(({ data }) => data.output)).toEqual(["Sunny in Bonn"]);
  });

  test("that the agent ends with give the answer", async () => {
    await using sdk = await serve("stopping");
    const id = await sdk.server.createSession();
    expect((await sdk.server.turn(id, "weather in Kiel")).response).toEqual({
      role: "assistant",
      content: "Sunny in Kiel",
    });
    const roles = (await sdk.messages(id)).map(({ role }) => role);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant"]);
    expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
  });

  test("that run at the client end the turn, whose answer is the call; its result is the next message", async () => {
    await using sdk = await serve("clientTool");
    const id = await sdk.server.createSession();
    const { response } = await sdk.server.turn(id, "weather in Bern");
    const [call] = response?.tool_calls ?? [];
    expect(call?.function).toEqual({ name: "get_weather", arguments: '{"city":"Bern"}' });
    const message = { role: "tool", tool_call_id: call?.id, content: "Rain in Bern" };
    await sdk.server.request("POST", `/sessions/${id}/messages`, message);
    const { body } = await sdk.server.request("GET", `/sessions/${id}?wait=true`);
    expect(body.response?.content).toBe("The tool said: Rain in Bern");
  });

  test("that run at the client and are never answered do not end the conversation", async () => {
    await using sdk = await serve("clientTool");
    const id = await sdk.server.createSession();
    await sdk.server.turn(id, "weather in Bern");
    expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
  });
});

test("a model that never stops calling tools fails the turn, and says what to do", async () => {
  await using sdk = await serve("endless");
  const failed = await sdk.server.turn(await sdk.server.createSession(), "weather in Rome");
  expect(failed).toMatchObject({ status: "error", turn: { usage: { input_tokens: 220 } } });
  expect(failed.error).toContain("asked its model 20 times");
});

test("a turn that fails later says what it has cost until then, and nothing on stderr", async () => {
  await using sdk = await serve("failingLater");
  const id = await sdk.server.createSession();
  const failed = await sdk.server.turn(id, "weather in Rome");
  expect(failed).toMatchObject({
    status: "error",
    error: "AI_APICallError: 500 The model answered 500",
    turn: { usage: { input_tokens: 11, output_tokens: 7, total_tokens: 18 } },
  });
  const { body } = await sdk.server.request("GET", `/sessions/${id}/turns/${failed.turn?.turn_id}/logs`);
  expect([body.stdout.entries, body.stderr.entries]).toEqual([[], []]);
});

test("a structured answer that does not fit its schema fails the turn", async () => {
  await using sdk = await serve("structured");
  const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
  expect(failed.status).toBe("error");
  expect(failed.error).toContain("No object generated");
});

test("text of a structured answer is streamed as the model writes it", async () => {
  await using sdk = await serve("structured");
  const events = await sdk.stream(await sdk.server.createSession(), { content: "json" });
  expect(said(events, "text-delta")).toBe('{"city":"Paris","degrees":21}');
});

describe("a key that is missing is said at the start", () => {
  test("by the model that needs it", async () => {
    const key = process.env.OPENAI_API_KEY;
    delete process.env.OPENAI_API_KEY;
    try {
      expect(await warningsOf("agent")).toEqual([expect.stringMatching(/OPENAI_API_KEY.*will fail/)]);
      await using sdk = await serve("agent");
      const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
      expect(failed.error).toStartWith("AI_LoadAPIKeyError: OpenAI API key is missing");
    } finally {
      process.env.OPENAI_API_KEY = key;
    }
    expect(await warningsOf("agent")).toEqual([]);
  });

  test("for a model that is only a name", async () => {
    expect(await warningsOf("gateway")).toEqual([expect.stringContaining("AI_GATEWAY_API_KEY is not set")]);
  });
});
