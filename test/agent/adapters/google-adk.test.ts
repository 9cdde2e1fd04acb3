import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import * as adk from "@google/adk";
import type { SessionView } from "motus-serve";
import { quieten } from "../../../src/agent/adapters/google-adk.ts";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "google-adk", kind: "Google ADK agent", reasons: true });

let model: MockModel;
beforeAll(async () => {
  model = await startMockModel();
});
afterAll(() => model?.[Symbol.asyncDispose]());

const serve = (name: string): Promise<SdkServer> => startSdkServer(`google-adk-scripted.ts:${name}`);
const payloads = ({ interrupts }: SessionView) => interrupts?.map(({ payload }) => payload);

describe("sub-agents", () => {
  test("answer the next turn after a transfer, and lead back", async () => {
    await using sdk = await serve("transferring");
    const id = await sdk.server.createSession({ state: [{ role: "system", content: "Speak French." }] });
    const first = await sdk.server.turn(id, "recall");
    expect(first.response?.content).toContain("You are the reception.");
    expect(first.response?.content).toContain("\n\nSpeak French.\n");
    expect(first.response).not.toHaveProperty("name");
    const transferred = await sdk.server.turn(id, 'call transfer_to_agent {"agentName":"Billing"}');
    expect(transferred.response?.name).toBe("Billing");
    const { response } = await sdk.server.turn(id, "recall");
    expect(response?.name).toBe("Billing");
    expect(response?.content).toContain("You do the billing.");
    expect(response?.content).toContain("\n\nSpeak French.\n");
    await sdk.server.turn(id, 'call transfer_to_agent {"agentName":"Reception"}');
    expect((await sdk.server.turn(id, "recall")).response?.content).toContain("You are the reception.");
  });

  test("in a sequence wait for an approval, and each sees what the one before it said", async () => {
    await using sdk = await serve("sequential");
    const id = await sdk.server.createSession();
    const asking = await sdk.server.turn(id, 'call delete_file {"path":"x"} get_weather {"city":"Rome"}');
    expect(payloads(asking)).toEqual([
      { type: "tool_approval", tool_name: "delete_file", tool_args: { path: "x" } },
    ]);
    const done = await sdk.resume(asking, { approved: true });
    expect(done).toMatchObject({
      response: { name: "Second", content: expect.stringContaining("[First] said: Results:") },
      turn: { usage: { input_tokens: 9, output_tokens: 9, total_tokens: 18 } },
    });
    const messages = await sdk.messages(id);
    expect(messages.map(({ role, name }) => `${role} ${name ?? ""}`.trim())).toEqual([
      "user",
      "assistant First",
      "tool delete_file",
      "tool get_weather",
      "assistant First",
      "assistant Second",
    ]);
  });

  test("side by side ask side by side, and leave a conversation that can go on", async () => {
    await using sdk = await serve("parallel");
    const id = await sdk.server.createSession();
    let session = await sdk.server.turn(id, 'call delete_file {"path":"x"}');
    const get = async () => (await sdk.server.request("GET", `/sessions/${id}`)).body;
    await until("both ask", async () => (await get()).interrupts.length === 2);
    session = await sdk.resume(await get(), { approved: true });
    if (session.status === "interrupted") session = await sdk.resume(session, { approved: true });
    expect(session.status).toBe("idle");
    const roles = (await sdk.messages(id)).map(({ role }) => role);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant", "tool", "assistant", "assistant"]);
    expect((await sdk.server.turn(id, "Hello")).status).toBe("idle");
  });

  test("in a loop answer with what was said before its end", async () => {
    await using sdk = await serve("loop");
    const { response } = await sdk.server.turn(await sdk.server.createSession(), "go");
    expect(response).toEqual({ role: "assistant", content: "Heard: go", name: "Writer" });
  });
});

describe("a Workflow", () => {
  test("is served, with approvals and tools that run long inside its nodes", async () => {
    await using sdk = await serve("workflow");
    expect(sdk.kind).toBe("Google ADK workflow");
    const id = await sdk.server.createSession();
    let session = await sdk.server.turn(id, 'call delete_file {"path":"x"} order_parcel {"what":"tea"}');
    expect(payloads(session)).toMatchObject([{ tool_name: "delete_file" }]);
    session = await sdk.resume(session, { approved: true });
    expect(payloads(session)).toEqual([
      { type: "long_running_tool", tool_name: "order_parcel", tool_args: { what: "tea" } },
    ]);
    session = await sdk.resume(session, { arrived: true });
    expect(session.response).toEqual({
      role: "assistant",
      content: '(Results: [{"result":"Deleted x"},{"arrived":true}])',
      name: "wrap",
    });
    const asking = await sdk.server.turn(id, 'call adk_request_input {"message":"Which city?"}');
    expect((await sdk.resume(asking, "Paris")).response?.content).toBe("(Heard: Paris)");
  });

  test("asks what its nodes ask, and goes on with them", async () => {
    await using sdk = await serve("asking");
    const id = await sdk.server.createSession();
    const asking = await sdk.server.turn(id, "Paint it");
    expect(payloads(asking)).toEqual([
      { type: "input_request", message: "Which colour?", payload: { for: "the bike shed" } },
    ]);
    expect((await sdk.resume(asking, "red")).response?.content).toBe('Painted "red"');
    expect((await sdk.messages(id)).map(({ role, content }) => [role, content])).toEqual([
      ["user", "Paint it"],
      ["assistant", "Which colour?"],
      ["user", "red"],
      ["assistant", 'Painted "red"'],
    ]);
    const again = await sdk.server.turn(id, "Again");
    expect((await sdk.resume(again, { r: 255 })).response?.content).toBe('Painted {"r":255}');
  });

  test("fails with what its node fails with", async () => {
    await using sdk = await serve("workflow");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "end SAFETY");
    expect(failed.error).toContain("Node 'Worker' failed: SAFETY: The script ends badly");
  });
});

describe("an App", () => {
  test("is served with its plugins, whose confirmations are asked", async () => {
    await using sdk = await serve("app");
    expect(sdk.kind).toBe("Google ADK app");
    const asking = await sdk.server.turn(
      await sdk.server.createSession(),
      'call get_weather {"city":"Rome"}',
    );
    expect(payloads(asking)).toMatchObject([
      {
        type: "tool_approval",
        tool_name: "get_weather",
        hint: expect.stringContaining("Weather is serious"),
      },
    ]);
    expect((await sdk.resume(asking, { approved: true })).response?.content).toContain("Sunny in Rome");
    const refused = await sdk.server.turn(
      await sdk.server.createSession(),
      'call get_weather {"city":"Rome"}',
    );
    const { response } = await sdk.resume(refused, { approved: false, message: "Not today" });
    expect(response?.content).toBe('Results: [{"error":"Not today"}]');
  });

  test("is what to export instead of a runner", async () => {
    expect(serve("runner")).rejects.toThrow("it is a runner of Google's ADK; export its agent, or an App");
  });
});

describe("a tool", () => {
  let sdk: SdkServer;
  beforeAll(async () => {
    sdk = await serve("scripted");
  });
  afterAll(() => sdk?.[Symbol.asyncDispose]());
  const turn = async (content: string) => sdk.server.turn(await sdk.server.createSession(), content);

  test("that runs beside one in question keeps its result, and all in question are asked at once", async () => {
    const calls = 'get_weather {"city":"Rome"} delete_file {"path":"a"} delete_file {"path":"b"}';
    const { session_id } = await turn(`call ${calls}`);
    const get = async () => (await sdk.server.request("GET", `/sessions/${session_id}`)).body;
    await until("both are asked", async () => (await get()).interrupts.length === 2);
    await sdk.resume({ ...(await get()), interrupts: [(await get()).interrupts[1]] }, { approved: false });
    const { response } = await sdk.resume(await get(), { approved: true });
    expect(response?.content).toBe(
      'Results: [{"result":"Sunny in Rome"},{"result":"Deleted a"},{"error":"A person has denied this call."}]',
    );
  });

  test("is asked for again when the model uses the id of a call again", async () => {
    const calls = 'call delete_file {"path":"a","id":"1"} then delete_file {"path":"b","id":"1"}';
    const first = await turn(calls);
    expect(payloads(first)).toMatchObject([{ tool_args: { path: "a" } }]);
    const second = await sdk.resume(first, { approved: true });
    expect(payloads(second)).toMatchObject([{ tool_args: { path: "b" } }]);
    const { response } = await sdk.resume(second, { approved: false });
    expect(response?.content).toContain("A person has denied this call.");
  });

  test("that asks for a confirmation itself gets what the person answers, and does not run when denied", async () => {
    const asking = await turn('call book_holiday {"days":9}');
    expect(payloads(asking)).toEqual([
      {
        type: "tool_approval",
        tool_name: "book_holiday",
        tool_args: { days: 9 },
        hint: "How many days are fine?",
        payload: { days: 9 },
      },
    ]);
    const done = await sdk.resume(asking, { approved: true, payload: { days: 3 } });
    expect(done.response?.content).toBe('Results: [{"booked":{"days":3}}]');
    const denied = await sdk.resume(await turn('call book_holiday {"days":9}'), { approved: false });
    expect(denied.response?.content).toBe('Results: [{"error":"A person has denied this call."}]');
  });

  test("that runs long waits for its result", async () => {
    const asking = await turn('call order_parcel {"what":"tea"} get_user_choice {"options":["a","b"]}');
    expect(payloads(asking)).toEqual([
      { type: "long_running_tool", tool_name: "order_parcel", tool_args: { what: "tea" } },
    ]);
    const choosing = await sdk.resume(asking, { arrived: true });
    expect(payloads(choosing)).toMatchObject([
      { tool_name: "get_user_choice", tool_args: { options: ["a", "b"] } },
    ]);
    const done = await sdk.resume(choosing, "b");
    expect(done.response?.content).toBe('Results: [{"arrived":true},{"result":"b"}]');
  });

  test("that asks for input lets its model hear the answer, also on the next turn", async () => {
    const asking = await turn('call adk_request_input {"message":"Which city?"}');
    expect(payloads(asking)).toEqual([{ type: "input_request", message: "Which city?" }]);
    const done = await sdk.resume(asking, "Paris");
    expect(done.response?.content).toBe("Heard: Paris");
    const { response } = await sdk.server.turn(done.session_id, "recall");
    expect(response?.content).toContain('{"role":"model","parts":[{"text":"Which city?"}]}');
    expect(response?.content).toContain('{"role":"user","parts":[{"text":"Paris"}]}');
  });

  test("that breaks tells the model, and its result is an error", async () => {
    const events = await sdk.stream(await sdk.server.createSession(), { content: "call breaks {}" });
    expect(events.find(({ event }) => event === "tool-result")?.data).toMatchObject({
      tool_name: "breaks",
      output: { error: "Error in tool 'breaks': It is broken" },
      is_error: true,
    });
    expect(said(events, "text-delta")).toStartWith("Let me see.Results:");
  });

  test("whose result is the answer is the response", async () => {
    const { response, session_id } = await turn("call final {}");
    expect(response).toEqual({ role: "assistant", content: "All is said" });
    expect((await sdk.messages(session_id)).at(-1)).toEqual({ role: "assistant", content: "All is said" });
  });

  test("that asks for a credential fails the turn", async () => {
    expect((await turn("call login {}")).error).toContain("asks the user for a credential");
  });

  test("that does not exist fails the turn", async () => {
    expect((await turn("call nothing {}")).error).toContain("Function nothing is not found");
  });

  test("keeps its thought signature for the next turn", async () => {
    const { session_id } = await turn('call get_weather {"city":"Rome"}');
    const { response } = await sdk.server.turn(session_id, "recall");
    expect(response?.content).toContain('"thoughtSignature":"c2lnbmF0dXJl"');
  });

  test("changes the session's state, which is kept", async () => {
    const { session_id, response } = await turn("call count_visits {}");
    expect(response).toMatchObject({ adk_state: { visits: 1, "user:name": "Ada" } });
    expect(JSON.stringify(response)).not.toContain("temp:");
    expect((await sdk.server.turn(session_id, "Hello")).response).not.toHaveProperty("adk_state");
    expect((await sdk.server.turn(session_id, "call count_visits {}")).response?.content).toContain(
      '{"visits":2}',
    );
  });
});

describe("a model's bad end", () => {
  test("fails the turn with its code and message, and its tokens are counted", async () => {
    await using sdk = await serve("scripted");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "end SAFETY");
    expect(failed).toMatchObject({
      status: "error",
      error: "Error: SAFETY: The script ends badly",
      turn: { usage: { input_tokens: 3, output_tokens: 3, total_tokens: 6 } },
    });
  });

  test("is none when it has said as much as it may, unless that is nothing", async () => {
    await using sdk = await serve("scripted");
    const cut = await sdk.server.turn(await sdk.server.createSession(), "cut");
    expect(cut).toMatchObject({ status: "idle", response: { content: "As long as it" } });
    const nothing = await sdk.server.turn(await sdk.server.createSession(), "end MAX_TOKENS");
    expect(nothing.error).toContain("MAX_TOKENS");
    const empty = await sdk.server.turn(await sdk.server.createSession(), "end STOP");
    expect(empty).toMatchObject({ status: "idle", response: { content: "" } });
  });
});

test("the Agent of motus-serve/google-adk is served like any other", async () => {
  await using sdk = await startSdkServer("google-adk.ts:named");
  expect(sdk.kind).toBe("Google ADK agent");
  const id = await sdk.server.createSession();
  const asking = await sdk.server.turn(id, "delete notes.txt");
  const done = await sdk.resume(asking, { approved: true });
  expect(done.response?.content).toContain("Deleted notes.txt");
  const { body } = await sdk.server.request("GET", `/sessions/${id}/turns/${done.turn?.turn_id}/logs`);
  expect(body.stdout.entries).toEqual([]);
});

test("a key that is missing is said at the start", async () => {
  const key = process.env.GEMINI_API_KEY;
  process.env.GEMINI_API_KEY = "";
  const warnings: string[] = [];
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => warnings.push(text),
  };
  try {
    await using sdk = await startSdkServer("google-adk.ts:agent", { logger });
    expect(warnings).toEqual([expect.stringContaining("GEMINI_API_KEY is set")]);
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed.error).toContain("API key must be provided");
  } finally {
    process.env.GEMINI_API_KEY = key;
  }
});

describe("quieten()", () => {
  const level = () => (adk.getLogger() as { logLevel?: unknown }).logLevel;
  afterEach(() => adk.setLogLevel(adk.LogLevel.ERROR));

  test("leaves only errors of the log", () => {
    adk.setLogLevel(adk.LogLevel.INFO);
    quieten(adk);
    expect(level()).toBe(adk.LogLevel.ERROR);
  });

  test("leaves a level and a logger that the user has set", () => {
    adk.setLogLevel(adk.LogLevel.DEBUG);
    quieten(adk);
    expect(level()).toBe(adk.LogLevel.DEBUG);
    const before = adk.getLogger();
    adk.setLogger(null);
    quieten(adk);
    adk.setLogger(before);
  });
});
