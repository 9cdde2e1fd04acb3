import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import type { Interrupt } from "motus-serve";
import { loadAgent } from "../../../src/agent/load-agent.ts";
import { agentAdapterContract, type SdkServer, said, startSdkServer } from "../../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../../helpers/mock-model.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "langchain", kind: "LangChain agent", reasons: true });

const folder = fileURLToPath(new URL("../../fixtures/sdks/", import.meta.url));

/** A server for one agent of the fixture. */
const serve = (name: string): Promise<SdkServer> => startSdkServer(`langchain.ts:${name}`);

describe("an agent of LangChain", () => {
  let model: MockModel;
  beforeAll(async () => {
    model = await startMockModel();
  });
  afterAll(() => model?.[Symbol.asyncDispose]());

  test("says nothing before the middleware that may rewrite it has seen it", async () => {
    await using sdk = await serve("guarded");
    const id = await sdk.server.createSession();
    const refused = await sdk.stream(id, { content: "Tell me a story" });
    expect(said(refused, "text-delta")).toBe("No stories here.");
    expect(refused.at(-1)?.data.response.content).toBe("No stories here.");
    const allowed = await sdk.stream(id, { content: "weather in Rome" });
    expect(said(allowed, "text-delta")).toBe("The tool said: Sunny in Rome");
    expect(allowed.filter(({ event }) => event?.startsWith("tool-"))).toHaveLength(2);
  });

  test("takes a person's edit of a call", async () => {
    await using sdk = await serve("agent");
    const asking = await sdk.server.turn(await sdk.server.createSession(), "delete a.txt");
    const editedAction = { name: "delete_file", args: { path: "b.txt" } };
    const done = await sdk.resume(asking, { type: "edit", editedAction });
    expect(done.response?.content).toBe("The tool said: Deleted b.txt");
    const [, asked] = await sdk.messages(done.session_id);
    expect(asked?.tool_calls?.[0]?.function.arguments).toBe('{"path":"b.txt"}');
  });

  test("asks at once whether several calls may be made, and makes those that are allowed", async () => {
    await using sdk = await serve("agent");
    const id = await sdk.server.createSession();
    await sdk.server.turn(id, "delete a.txt and delete b.txt");
    const questions: Interrupt[] = [];
    await until("both are asked", async () => {
      const { body } = await sdk.server.request("GET", `/sessions/${id}`);
      questions.splice(0, 2, ...(body.interrupts ?? []));
      return questions.length === 2;
    });
    for (const { interrupt_id } of questions) {
      const answer = { interrupt_id, value: { approved: true } };
      await sdk.server.request("POST", `/sessions/${id}/resume`, answer);
    }
    expect((await sdk.server.request("GET", `/sessions/${id}?wait=true`)).body.status).toBe("idle");
    const contents = (await sdk.messages(id)).map(({ content }) => content);
    expect(contents).toContain("Deleted a.txt");
    expect(contents).toContain("Deleted b.txt");
  });

  test("answers with the object that its model gave to a tool", async () => {
    await using sdk = await serve("structuredByTool");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "delete notes.txt" });
    const content = '{"path":"notes.txt"}';
    expect(events.at(-1)?.data.response).toEqual({ role: "assistant", content });
    expect(said(events, "text-delta")).toBe(content);
    expect((await sdk.messages(id)).map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    expect((await sdk.server.turn(id, "delete more.txt")).status).toBe("idle");
  });

  test("answers with what a tool returns directly", async () => {
    await using sdk = await serve("returning");
    const id = await sdk.server.createSession();
    const events = await sdk.stream(id, { content: "weather in Bern" });
    expect(events.at(-1)?.data.response).toEqual({ role: "assistant", content: "The tool's own answer" });
    expect(said(events, "text-delta")).toBe("The tool's own answer");
    expect((await sdk.messages(id)).at(-1)?.content).toBe("The tool's own answer");
  });

  test("keeps what a summary has taken out of its state, and not the summary", async () => {
    await using sdk = await serve("summing");
    const state = ["One", "Two", "Three", "Four"].map((content, index) => ({
      role: index % 2 === 0 ? "user" : "assistant",
      content,
    }));
    const id = await sdk.server.createSession({ state });
    const events = await sdk.stream(id, { content: "weather everywhere" });
    expect(said(events, "text-delta")).toBe("Sunny everywhere");
    const messages = await sdk.messages(id);
    expect(messages.slice(0, 4)).toEqual(state as never);
    const roles = messages.slice(4).map(({ role }) => role);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant", "tool", "assistant"]);
    expect(JSON.stringify(messages)).not.toContain("A summary");
  });

  test("keeps its own checkpointer, and has its history once", async () => {
    await using sdk = await serve("keeping");
    const id = await sdk.server.createSession();
    const done = await sdk.resume(await sdk.server.turn(id, "delete a.txt"), { approved: true });
    expect(done.response?.content).toBe("The tool said: Deleted a.txt");
    const { response } = await sdk.server.turn(id, "recall");
    const roles = response?.content?.split("\n").map((line) => line.split(":")[0]);
    expect(roles).toEqual(["user", "assistant", "tool", "assistant", "user"]);
  });

  test("gets reasoning back in the form of its provider", async () => {
    await using sdk = await serve("agent");
    const data = "c2VjcmV0";
    const details = { type: "reasoning.encrypted", id: "rs_1", data, format: "openai-responses-v1" };
    const foreign = {
      type: "reasoning.text",
      text: "Hm",
      signature: "s1gned",
      format: "anthropic-claude-v1",
    };
    const state = [
      { role: "user", content: "Hi" },
      { role: "assistant", content: "Hello", reasoning: "Hm", reasoning_details: [foreign, details] },
    ];
    const id = await sdk.server.createSession({ state });
    await sdk.server.turn(id, "Go on");
    const { input } = JSON.parse(model.requests.at(-1)?.text ?? "");
    expect(input).toContainEqual({ type: "reasoning", id: "rs_1", summary: [], encrypted_content: data });
    expect(JSON.stringify(input)).not.toContain("s1gned");
    expect((await sdk.messages(id)).slice(0, 2)).toEqual(state as never);
  });

  test("sends its traces before its worker ends, when it is told to trace", async () => {
    const paths: string[] = [];
    await using smith = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        paths.push(`${request.method} ${new URL(request.url).pathname}`);
        return Response.json({});
      },
    });
    const tracing = {
      LANGSMITH_TRACING: "true",
      LANGSMITH_API_KEY: "mock",
      LANGSMITH_ENDPOINT: `http://127.0.0.1:${smith.port}`,
    };
    Object.assign(process.env, tracing);
    try {
      await using sdk = await serve("agent");
      await sdk.server.turn(await sdk.server.createSession(), "Hello");
    } finally {
      for (const name of Object.keys(tracing)) delete process.env[name];
    }
    expect(paths).toContain("POST /runs/multipart");
  });

  test("whose model is given by name is told of a key or a package that is missing", async () => {
    const named = await startSdkServer("langchain.ts:named");
    await using sdk = named;
    const { response } = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(response?.content).toBe("You said: Hello");
    const key = process.env.OPENAI_API_KEY;
    delete process.env.OPENAI_API_KEY;
    try {
      expect((await loadAgent("langchain.ts:named", folder)).warnings).toEqual([
        "OPENAI_API_KEY is not set; turns will fail unless the agent's own code gives its model a key",
      ]);
    } finally {
      process.env.OPENAI_API_KEY = key;
    }
    const [warning] = (await loadAgent("langchain.ts:unmakable", folder)).warnings;
    expect(warning).toContain('the model "anthropic:claude-opus" cannot be made');
    expect(warning).toContain("@langchain/anthropic");
  });
});
