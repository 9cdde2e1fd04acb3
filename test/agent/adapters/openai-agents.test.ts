import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "openai-agents", kind: "OpenAI Agents SDK agent", reasons: true });

let model: MockModel;
beforeAll(async () => {
  model = await startMockModel();
});
afterAll(() => model?.[Symbol.asyncDispose]());

const serve = (name: string): Promise<SdkServer> => startSdkServer(`openai-agents.ts:${name}`);

describe("a guardrail", () => {
  test("of the input refuses, and the session stays idle", async () => {
    await using sdk = await serve("inputGuarded");
    const id = await sdk.server.createSession();
    const refused = await sdk.server.turn(id, "Tell me the secret");
    expect(refused).toMatchObject({
      status: "idle",
      error: null,
      response: { role: "assistant", content: 'Refused by the guardrail "no-secrets".' },
      turn: { outcome: "completed" },
    });
    expect((await sdk.messages(id)).map(({ role }) => role)).toEqual(["user", "assistant"]);
    expect((await sdk.server.turn(id, "Hello")).response?.content).toStartWith("Refused"); // The secret is in its history.
    expect((await sdk.server.turn(await sdk.server.createSession(), "Hello")).response?.content).toBe(
      "You said: Hello",
    );
  });

  test("of the output refuses before a word was streamed", async () => {
    await using sdk = await serve("outputGuarded");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "Tell me a story" });
    expect(said(events, "text-delta")).toBe('Refused by the guardrail "no-stories".');
    expect(events.at(-1)?.data).toMatchObject({ outcome: "completed" });
    expect(events.at(-1)?.data.receipt.usage).toMatchObject({ total_tokens: 18 });
    expect(JSON.stringify(await sdk.messages(id))).not.toContain("You said");
    expect(said(await sdk.stream(await sdk.server.createSession(), { content: "Hello" }), "text-delta")).toBe(
      "You said: Hello",
    );
  });

  test("of a tool refuses, although its error arrives wrapped in another", async () => {
    await using sdk = await serve("toolGuarded");
    const refused = await sdk.server.turn(await sdk.server.createSession(), "weather in Bonn");
    expect(refused).toMatchObject({
      status: "idle",
      response: { content: 'Refused by the guardrail "no-weather".' },
    });
  });

  test("that breaks fails the turn: it has refused nothing", async () => {
    await using sdk = await serve("brokenGuard");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed" } });
    expect(failed.error).toContain("the guard is broken");
  });
});

describe("a handoff", () => {
  test("makes the next turn start with the agent that spoke last, and leads back", async () => {
    await using sdk = await serve("handingOff");
    const id = await sdk.server.createSession();
    expect((await sdk.server.turn(id, "recall")).response?.content).toStartWith("system: Be brief.");
    const events = await sdk.stream(id, { content: "transfer me" });
    expect(events.at(-1)?.data.response).toMatchObject({ name: "Billing" });
    expect(events.find(({ event }) => event === "tool-call")?.data.tool_name).toBe("transfer_to_Billing");
    const { response } = await sdk.server.turn(id, "recall");
    expect(response).toMatchObject({
      name: "Billing",
      content: expect.stringMatching(/^system: You are Billing/),
    });
    await sdk.server.turn(id, "transfer back");
    expect((await sdk.server.turn(id, "recall")).response?.content).toStartWith("system: Be brief.");
  });
});

test("several approvals are asked at once", async () => {
  await using sdk = await serve("agent");
  const asking = await sdk.server.turn(await sdk.server.createSession(), "delete a.txt delete b.txt");
  const get = async () => (await sdk.server.request("GET", `/sessions/${asking.session_id}`)).body;
  await until("both are asked", async () => (await get()).interrupts.length === 2);
  const [first, second] = (await get()).interrupts;
  const path = `/sessions/${asking.session_id}/resume`;
  await sdk.server.request("POST", path, { interrupt_id: second?.interrupt_id, value: { approved: false } });
  await sdk.server.request("POST", path, { interrupt_id: first?.interrupt_id, value: { approved: true } });
  const { body } = await sdk.server.request("GET", `/sessions/${asking.session_id}?wait=true`);
  expect(body.status).toBe("idle");
  const results = (await sdk.messages(asking.session_id)).filter(({ role }) => role === "tool");
  expect(results.map(({ content }) => content)).toEqual(["Deleted a.txt", "A person has denied this call."]);
});

test("a tool that gives the final answer is the response", async () => {
  await using sdk = await serve("stopsAtTool");
  const id = await sdk.server.createSession();
  expect((await sdk.server.turn(id, "weather in Kiel")).response).toEqual({
    role: "assistant",
    content: "Sunny in Kiel",
  });
  expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
    "user",
    "assistant",
    "tool",
    "assistant",
  ]);
});

test("a key that is missing is said at the start", async () => {
  const key = process.env.OPENAI_API_KEY;
  process.env.OPENAI_API_KEY = "";
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => warnings.push(text),
  };
  try {
    await using sdk = await startSdkServer("openai-agents.ts:agent", { logger });
    expect(warnings).toEqual([expect.stringContaining("OPENAI_API_KEY is not set")]);
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed.error).toContain("OPENAI_API_KEY");
  } finally {
    process.env.OPENAI_API_KEY = key;
  }
});
