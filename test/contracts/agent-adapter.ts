/**
 * What motus promises of the agents of every SDK: real SDKs in real workers, against a model that answers by rule. An
 * SDK's fixture (test/fixtures/sdks) exports `agent`, which has the instructions "Be brief.", the tool `get_weather` and
 * the tool `delete_file` that a person must approve; `structured`, whose answer is an object; and what its own test adds.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { AgentServerOptions, ChatMessage, SessionView } from "motus-serve";
import { compileAgent } from "../../src/compile/compile-agent.ts";
import { workerEnvironment } from "../../src/pool/worker-environment.ts";
import { resolveOptions } from "../../src/server/options.ts";
import { type MockModel, startMockModel } from "../helpers/mock-model.ts";
import { type ReadEvent, readEvents } from "../helpers/read-events.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

const folder = fileURLToPath(new URL("../fixtures/sdks/", import.meta.url));

/** A red dot. */
export const png =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

export interface AdapterSuite {
  /** The fixture's name without its extension. */
  fixture: string;
  /** What the start line says of its agent. */
  kind: string;
  /** Whether the SDK tells what the model reasoned. */
  reasons: boolean;
}

/** An SDK under test: its server, and the model that it talks to. */
export interface SdkServer extends AsyncDisposable {
  server: TestServer;
  kind: string;
  /** One turn, read as it happens, to its end. */
  stream(sessionId: string, message: object): Promise<ReadEvent[]>;
  messages(sessionId: string): Promise<ChatMessage[]>;
  /** Answers the session's first question, and waits for the turn's end or its next question. */
  resume(session: SessionView, value: unknown): Promise<SessionView>;
}

/** Whether the agents are to run compiled: `bun run test:compiled` runs the same tests a second time. */
const isCompiled = process.env.MOTUS_TEST_COMPILED === "1";

export async function startSdkServer(agent: string, options: AgentServerOptions = {}): Promise<SdkServer> {
  const compiling = isCompiled ? await compiledOptions(agent) : {};
  const server = await startServer(agent, { folder, ...compiling, ...options });
  return {
    server,
    kind: server.kind,
    async stream(sessionId, message) {
      await using reader = await readEvents(`${server.url}/sessions/${sessionId}/messages`, {
        method: "POST",
        headers: { "content-type": "application/json", accept: "text/event-stream" },
        body: JSON.stringify(message),
      });
      return await reader.until("turn-end");
    },
    messages: async (sessionId) => (await server.request("GET", `/sessions/${sessionId}/messages`)).body,
    async resume({ session_id, interrupts }, value) {
      const interrupt_id = interrupts?.[0]?.interrupt_id;
      await server.request("POST", `/sessions/${session_id}/resume`, { interrupt_id, value });
      return (await server.request("GET", `/sessions/${session_id}?wait=true`)).body;
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** Compiles an agent, so that its server starts with it. An SDK that cannot be compiled is a failure here. */
async function compiledOptions(importPath: string): Promise<AgentServerOptions> {
  const { cacheDir } = resolveOptions({});
  const environment = workerEnvironment(process.env);
  const compiled = await compileAgent({ importPath, folder, cacheFolder: cacheDir, environment });
  if ("refused" in compiled) throw new Error(`${importPath} is not compiled: ${compiled.refused}`);
  return { compile: true, cacheDir };
}

/** What the events of a type say together. */
export function said(events: readonly ReadEvent[], type: string): string {
  return events
    .filter(({ event }) => event === type)
    .map(({ data }) => data.delta)
    .join("");
}

export function agentAdapterContract({ fixture, kind, reasons }: AdapterSuite): void {
  describe(`an agent of ${fixture}`, () => {
    let model: MockModel;
    let sdk: SdkServer;
    beforeAll(async () => {
      model = await startMockModel();
      sdk = await startSdkServer(`${fixture}.ts:agent`, { standby: 1 });
    });
    afterAll(async () => {
      await sdk?.[Symbol.asyncDispose]();
      await model?.[Symbol.asyncDispose]();
    });
    const start = () => sdk.server.createSession();

    test("is recognised", () => {
      expect(sdk.kind).toBe(kind);
    });

    test("answers, and remembers on the next turn", async () => {
      const id = await start();
      const first = await sdk.server.turn(id, "Hello");
      expect(first).toMatchObject({
        status: "idle",
        response: { role: "assistant", content: "You said: Hello" },
      });
      const second = await sdk.server.turn(id, "recall");
      expect(second.response?.content?.split("\n")).toEqual([
        "system: Be brief.",
        "user: Hello",
        "assistant: You said: Hello",
        "user: recall",
      ]);
      expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
        "user",
        "assistant",
        "user",
        "assistant",
      ]);
    });

    test("streams its text, and the deltas add up to the response", async () => {
      const events = await sdk.stream(await start(), { content: "Tell me a story of many words" });
      const deltas = events.filter(({ event }) => event === "text-delta");
      expect(deltas.length).toBeGreaterThan(2);
      expect(said(events, "text-delta")).toBe("You said: Tell me a story of many words");
      expect(events.at(-1)?.data).toMatchObject({
        outcome: "completed",
        response: { content: said(events, "text-delta") },
      });
    });

    test("calls its tools, says so, and keeps calls and results in its state", async () => {
      const id = await start();
      const events = await sdk.stream(id, { content: "weather in Paris" });
      const [call] = events.filter(({ event }) => event === "tool-call");
      const [result] = events.filter(({ event }) => event === "tool-result");
      expect(call?.data).toMatchObject({ tool_name: "get_weather", input: { city: "Paris" } });
      expect(result?.data).toMatchObject({
        tool_call_id: call?.data.tool_call_id,
        tool_name: "get_weather",
        is_error: false,
      });
      expect(JSON.stringify(result?.data.output)).toContain("Sunny in Paris");
      expect(events.filter(({ event }) => event?.startsWith("tool-"))).toHaveLength(2);
      const [user, asking, tool, answering] = await sdk.messages(id);
      expect(user).toMatchObject({ role: "user", content: "weather in Paris" });
      expect(asking).toMatchObject({
        role: "assistant",
        tool_calls: [{ id: call?.data.tool_call_id, type: "function", function: { name: "get_weather" } }],
      });
      expect(JSON.parse(asking?.tool_calls?.[0]?.function.arguments ?? "")).toEqual({ city: "Paris" });
      expect(tool).toMatchObject({
        role: "tool",
        tool_call_id: call?.data.tool_call_id,
        name: "get_weather",
        content: expect.stringContaining("Sunny in Paris"),
      });
      expect(answering).toMatchObject({
        role: "assistant",
        content: expect.stringContaining("Sunny in Paris"),
      });
    });

    test("gets its tools' calls and results back on the next turn", async () => {
      const id = await start();
      await sdk.server.turn(id, "weather in Oslo");
      const { response } = await sdk.server.turn(id, "recall");
      const lines = response?.content?.split("\n") ?? [];
      expect(lines.map((line) => line.split(":")[0])).toEqual([
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
      ]);
      expect(lines[2]).toContain('get_weather({"city":"Oslo"})');
      expect(lines[3]).toContain("Sunny in Oslo");
    });

    test("shows the model an image", async () => {
      const id = await start();
      await sdk.stream(id, { content: "What is this?", base64_image: png });
      expect(model.requests.at(-1)?.text).toContain(png);
      expect((await sdk.messages(id))[0]).toMatchObject({ base64_image: png });
      await sdk.server.turn(id, "And this?");
      expect(model.requests.at(-1)?.text).toContain(png);
    });

    test("honours system messages of its state", async () => {
      const id = await sdk.server.createSession({ state: [{ role: "system", content: "Speak French." }] });
      await sdk.server.turn(id, "recall");
      const { text } = model.requests.at(-1) ?? {};
      expect(text).toContain("Be brief.");
      expect(text).toContain("Speak French.");
      expect((await sdk.messages(id))[0]).toEqual({ role: "system", content: "Speak French." });
    });

    test.if(reasons)("says what the model reasoned, and keeps it", async () => {
      const id = await start();
      const events = await sdk.stream(id, { content: "think" });
      expect(said(events, "reasoning-delta")).toBe("Let me think about it.");
      expect(events.at(-1)?.data.response).toMatchObject({
        content: "I have thought.",
        reasoning: "Let me think about it.",
      });
      expect((await sdk.messages(id)).at(-1)).toMatchObject({ reasoning: "Let me think about it." });
      expect((await sdk.server.turn(id, "And now?")).status).toBe("idle");
    });

    test("reports the tokens of the whole turn", async () => {
      const id = await start();
      expect((await sdk.server.turn(id, "Hello")).turn?.usage).toEqual({
        input_tokens: 11,
        output_tokens: 7,
        total_tokens: 18,
      });
      expect((await sdk.server.turn(id, "weather in Rome")).turn?.usage).toEqual({
        input_tokens: 22,
        output_tokens: 14,
        total_tokens: 36,
      });
    });

    test("asks a person before a tool that needs approval, and runs it after a yes", async () => {
      const id = await start();
      const asking = await sdk.server.turn(id, "delete notes.txt");
      expect(asking).toMatchObject({
        status: "interrupted",
        interrupts: [
          {
            type: "tool_approval",
            payload: { type: "tool_approval", tool_name: "delete_file", tool_args: { path: "notes.txt" } },
          },
        ],
      });
      const done = await sdk.resume(asking, { approved: true });
      expect(done).toMatchObject({
        status: "idle",
        response: { content: expect.stringContaining("Deleted notes.txt") },
        turn: { usage: { input_tokens: 22, output_tokens: 14, total_tokens: 36 } },
      });
      const messages = await sdk.messages(id);
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant", "tool", "assistant"]);
      expect(messages[1]?.tool_calls).toHaveLength(1);
      expect((await sdk.server.turn(id, "recall")).response?.content).toContain("Deleted notes.txt");
    });

    test("does not run it after a no, and tells the model why", async () => {
      const id = await start();
      const asking = await sdk.server.turn(id, "delete notes.txt");
      const done = await sdk.resume(asking, { approved: false, message: "It is still needed" });
      expect(done.status).toBe("idle");
      expect(done.response?.content).toContain("It is still needed");
      const text = JSON.stringify(await sdk.messages(id));
      expect(text).toContain("It is still needed");
      expect(text).not.toContain("Deleted notes.txt");
      const roles = (await sdk.messages(id)).map(({ role }) => role);
      expect(roles).toEqual(["user", "assistant", "tool", "assistant"]);
      expect((await sdk.server.turn(id, "Hello again")).status).toBe("idle");
    });

    test("takes nothing but a clear yes for one", async () => {
      const asking = await sdk.server.turn(await start(), "delete notes.txt");
      const done = await sdk.resume(asking, "yes");
      expect(done.status).toBe("idle");
      expect(JSON.stringify(await sdk.messages(done.session_id))).not.toContain("Deleted notes.txt");
    });

    for (const status of [429, 500]) {
      test(`fails when the model answers ${status}, with its words, and the session goes on`, async () => {
        const id = await start();
        const failed = await sdk.server.turn(id, `[${status}]`);
        expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed" } });
        expect(failed.error).toContain(String(status));
        expect(await sdk.messages(id)).toEqual([]);
        expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
      });
    }

    test("fails when the model answers nonsense, and says so", async () => {
      const failed = await sdk.server.turn(await start(), "[malformed]");
      expect(failed).toMatchObject({ status: "error", turn: { outcome: "failed" } });
      expect(failed.error?.length).toBeGreaterThan(10);
    });

    test("ends its request to the model when it is cancelled in mid-stream", async () => {
      const id = await start();
      const requested = model.nextRequest();
      const streamed = sdk.stream(id, { content: "[hang] and say something that takes a while" });
      const { aborted } = await requested;
      const { body } = await sdk.server.request("POST", `/sessions/${id}/cancel`);
      await aborted;
      expect(body).toMatchObject({ status: "idle", turn: { outcome: "cancelled" } });
      expect((await streamed).at(-1)?.data).toMatchObject({ outcome: "cancelled" });
      expect(await sdk.messages(id)).toEqual([]);
      expect((await sdk.server.turn(id, "Hello")).response?.content).toBe("You said: Hello");
    });

    test("ends its request to the model when its time is over", async () => {
      await using hasty = await startSdkServer(`${fixture}.ts:agent`, { standby: 1, timeout: 1 });
      const requested = model.nextRequest();
      const turn = hasty.server.turn(await hasty.server.createSession(), "[hang] for ever");
      await (await requested).aborted;
      expect(await turn).toMatchObject({
        status: "error",
        error: "Agent timed out",
        turn: { outcome: "timed_out" },
      });
    });

    test("writes a structured answer as JSON", async () => {
      await using structured = await startSdkServer(`${fixture}.ts:structured`);
      const id = await structured.server.createSession();
      const { response, status } = await structured.server.turn(id, "json, please");
      expect(status).toBe("idle");
      expect(JSON.parse(response?.content ?? "")).toEqual({ city: "Paris", degrees: 21 });
      expect((await structured.messages(id)).at(-1)).toEqual(response as ChatMessage);
    });

    test("writes nothing to stdout or stderr by itself", async () => {
      const id = await start();
      const { turn } = await sdk.server.turn(id, "Hello");
      const { body } = await sdk.server.request("GET", `/sessions/${id}/turns/${turn?.turn_id}/logs`);
      expect([body.stdout.entries, body.stderr.entries]).toEqual([[], []]);
    });
  });
}
