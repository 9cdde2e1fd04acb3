import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ChatMessage, SessionView } from "motus-serve";
import { ToolRunner, type ToolRunnerOptions } from "motus-serve/anthropic";
import { loadAgent } from "../../../src/agent/load-agent.ts";
import {
  agentAdapterContract,
  png,
  type SdkServer,
  said,
  startSdkServer,
} from "../../contracts/agent-adapter.ts";
import { type Claude, type Reply, startClaude } from "../../helpers/claude.ts";
import { until } from "../../helpers/until.ts";

agentAdapterContract({ fixture: "anthropic", kind: "ToolRunner", reasons: true });

const folder = fileURLToPath(new URL("../../fixtures/sdks/", import.meta.url));

const text = (text: string) => ({ type: "text", text });
const thinking = (thinking: string, signature = "signed") => ({ type: "thinking", thinking, signature });
const call = (id: string, name: string, input: object = {}) => ({ type: "tool_use", id, name, input });
const calls = (...content: object[]): Reply => ({ content, stop_reason: "tool_use" });
const weather = call("toolu_1", "get_weather", { city: "Paris" });
const remove = call("toolu_2", "delete_file", { path: "notes.txt" });

describe("a ToolRunner", () => {
  let claude: Claude;
  let sdk: SdkServer;
  beforeAll(async () => {
    claude = startClaude();
    sdk = await startSdkServer("anthropic.ts:agent", { standby: 1 });
  });
  afterAll(async () => {
    await sdk?.[Symbol.asyncDispose]();
    await claude?.[Symbol.asyncDispose]();
  });
  const start = (state: ChatMessage[] = []) => sdk.server.createSession({ state });

  describe("reasoning", () => {
    const first = { content: [thinking("Hm."), { type: "redacted_thinking", data: "secret" }, text("Hi")] };

    test("is kept with its signature, and sent back with it", async () => {
      claude.says(first, { content: [text("Yes")] });
      const id = await start();
      const events = await sdk.stream(id, { content: "Hello" });
      expect(said(events, "reasoning-delta")).toBe("Hm.");
      expect((await sdk.messages(id))[1]).toEqual({
        role: "assistant",
        content: "Hi",
        reasoning: "Hm.",
        reasoning_details: [
          { type: "reasoning.text", text: "Hm.", signature: "signed", format: "anthropic-claude-v1" },
          { type: "reasoning.encrypted", data: "secret", format: "anthropic-claude-v1" },
        ],
      });
      await sdk.server.turn(id, "Really?");
      expect(claude.requests[1].messages).toEqual([
        { role: "user", content: [text("Hello")] },
        { role: "assistant", content: first.content },
        { role: "user", content: [text("Really?")] },
      ]);
    });

    test("is sent back beside calls and results, just as they were", async () => {
      const asking = calls(thinking("Let me look."), text("One moment."), weather);
      claude.says(asking, { content: [thinking("I see."), text("Sunny")] }, { content: [text("Yes")] });
      const id = await start();
      await sdk.server.turn(id, "weather");
      await sdk.server.turn(id, "Really?");
      const bare = (messages: object[]) =>
        JSON.parse(JSON.stringify(messages), (key, value) =>
          key === "caller" || value === null ? undefined : value,
        );
      expect(claude.requests[2].messages.slice(0, 3)).toEqual(bare(claude.requests[1].messages));
      expect(claude.requests[2].messages[3].content).toEqual([thinking("I see."), text("Sunny")]);
    });

    test("is not sent back where something before it will look different", async () => {
      const between = [text("First."), thinking("Then."), text("Second.")];
      claude.says(
        calls(thinking("A picture."), call("toolu_1", "take_picture")),
        calls(thinking("Another."), weather),
        { content: between },
        { content: [text("Yes")] },
      );
      const id = await start();
      await sdk.server.turn(id, "Look");
      await sdk.server.turn(id, "Really?");
      expect(JSON.stringify(claude.requests[1].messages)).toContain('"thinking":"A picture."');
      const again = JSON.stringify(claude.requests[3].messages);
      expect(again).toContain('"thinking":"A picture."');
      expect(again).not.toContain("Then.");
      const messages = await sdk.messages(id);
      expect(messages.at(-3)).toMatchObject({
        role: "assistant",
        content: "First.Second.",
        reasoning: "Then.",
      });
      expect(messages.at(-3)).not.toHaveProperty("reasoning_details");
    });

    test("that Claude does not take back is left out, and the turn goes on", async () => {
      const message =
        "messages.1.content.0: Invalid `signature` in `thinking` block. The block is bound to a different conversation.";
      claude.says(first, { status: 400, message }, { content: [thinking("New."), text("Yes")] });
      const id = await start();
      await sdk.server.turn(id, "Hello");
      expect((await sdk.server.turn(id, "Really?")).response?.content).toBe("Yes");
      expect(JSON.stringify(claude.requests[1])).toContain("signed");
      expect(claude.requests[2].messages[1]).toEqual({ role: "assistant", content: [text("Hi")] });
      const [, kept, , added] = await sdk.messages(id);
      expect(kept).toHaveProperty("reasoning_details");
      expect(added).toEqual({ role: "assistant", content: "Yes", reasoning: "New." });
    });

    test("of another provider is not sent", async () => {
      claude.says({ content: [text("Yes")] });
      const details = [
        { type: "reasoning.encrypted", data: "x", format: "openai-responses-v1" },
        null,
        "odd",
      ];
      const id = await start([
        { role: "user", content: "Hello" },
        { role: "assistant", content: "Hi", reasoning: "Hm.", reasoning_details: details },
      ]);
      await sdk.server.turn(id, "Really?");
      expect(claude.requests[0].messages[1]).toEqual({ role: "assistant", content: [text("Hi")] });
    });
  });

  describe("a conversation from elsewhere", () => {
    test("is sent in a form that Anthropic takes", async () => {
      claude.says({ content: [text("Yes")] });
      const odd = { id: "functions.look:0", type: "function" as const };
      const id = await start([
        { role: "tool", content: "of a call that is gone", tool_call_id: "toolu_0" },
        { role: "system", content: "Speak French." },
        { role: "user", content: "Look" },
        {
          role: "assistant",
          content: " ",
          tool_calls: [
            { ...odd, function: { name: "look", arguments: "not JSON" } },
            { ...odd, id: "toolu_9", function: { name: "look", arguments: "" } },
          ],
        },
        { role: "tool", content: "Nothing", tool_call_id: "functions.look:0", base64_image: png },
        { role: "assistant" },
      ]);
      await sdk.server.turn(id, "And?");
      expect(claude.requests[0].system).toEqual([text("Be brief."), text("Speak French.")]);
      const source = { type: "base64", media_type: "image/png", data: png };
      expect(claude.requests[0].messages).toEqual([
        { role: "user", content: [text("Look")] },
        {
          role: "assistant",
          content: [call("functions_look_0", "look", { value: "not JSON" }), call("toolu_9", "look", {})],
        },
        {
          role: "user",
          content: [
            {
              type: "tool_result",
              tool_use_id: "functions_look_0",
              content: [text("Nothing"), { type: "image", source }],
            },
            {
              type: "tool_result",
              tool_use_id: "toolu_9",
              content: "This call has no result.",
              is_error: true,
            },
          ],
        },
        { role: "user", content: [text("And?")] },
      ]);
    });
  });

  describe("tools", () => {
    test("may fail, with words for the model", async () => {
      claude.says(calls(call("toolu_1", "fail"), call("toolu_2", "nobody")), { content: [text("Oh")] });
      const id = await start();
      const events = await sdk.stream(id, { content: "Fail" });
      const results = events.filter(({ event }) => event === "tool-result").map(({ data }) => data);
      expect(results).toMatchObject([
        { tool_call_id: "toolu_1", tool_name: "fail", output: "The disk is full", is_error: true },
        { tool_call_id: "toolu_2", tool_name: "nobody", is_error: true },
      ]);
      expect(claude.requests[1].messages[2].content[0]).toMatchObject({ is_error: true });
      claude.says({ content: [text("Yes")] });
      await sdk.server.turn(id, "Really?");
      expect(claude.requests[0].messages[2].content[0]).toMatchObject({ is_error: true });
    });

    test("may return an image, which is kept", async () => {
      claude.says(calls(call("toolu_1", "take_picture")), { content: [text("Nice")] });
      const id = await start();
      const events = await sdk.stream(id, { content: "Look" });
      const result = events.find(({ event }) => event === "tool-result");
      expect(result?.data.output).toBe("A red dot\n[image]");
      expect((await sdk.messages(id))[2]).toMatchObject({ base64_image: `data:image/png;base64,${png}` });
      claude.says({ content: [text("Yes")] });
      await sdk.server.turn(id, "Really?");
      expect(JSON.stringify(claude.requests[0].messages[2])).toContain(png);
    });

    test("of one reply are all answered when one of them is denied", async () => {
      claude.says(calls(text("Both."), weather, remove), { content: [text("Done")] });
      const id = await start();
      const asking = await sdk.server.turn(id, "Do both");
      expect(asking.interrupts).toHaveLength(1);
      const done = await sdk.resume(asking, { approved: false, message: "It is still needed" });
      expect(done.response?.content).toBe("Done");
      const results = claude.requests[1].messages[2].content;
      expect(results).toHaveLength(2);
      expect(results).toContainEqual({
        type: "tool_result",
        tool_use_id: "toolu_1",
        content: "Sunny in Paris",
      });
      expect(results).toContainEqual({
        type: "tool_result",
        tool_use_id: "toolu_2",
        content: "It is still needed",
        is_error: true,
      });
      expect(claude.requests).toHaveLength(2);
    });

    test("of one reply are asked about at once", async () => {
      const another = call("toolu_3", "delete_file", { path: "b.txt" });
      claude.says(calls(remove, another), { content: [text("Done")] });
      let asking = await sdk.server.turn(await start(), "Delete both");
      await until("both are asked", async () => {
        asking = (await sdk.server.request("GET", `/sessions/${asking.session_id}`)).body;
        return asking.interrupts?.length === 2;
      });
      const still = await answer(asking, 1, { approved: true });
      expect(still.interrupts).toHaveLength(1);
      const done = await answer(still, 0, { approved: false });
      expect(done.response?.content).toBe("Done");
      const messages = JSON.stringify(await sdk.messages(done.session_id));
      expect(messages).toContain("Deleted b.txt");
      expect(messages).toContain("A person has denied this call.");
      expect(messages).not.toContain("Deleted notes.txt");
    });

    async function answer({ session_id, interrupts }: SessionView, which: number, value: object) {
      const interrupt_id = interrupts?.[which]?.interrupt_id;
      await sdk.server.request("POST", `/sessions/${session_id}/resume`, { interrupt_id, value });
      return (await sdk.server.request("GET", `/sessions/${session_id}?wait=true`)).body;
    }
  });

  describe("requiresApproval", () => {
    test("as a function decides for each call", async () => {
      await using server = await startSdkServer("anthropic.ts:byFunction");
      const other = call("toolu_3", "delete_file", { path: "b.txt" });
      claude.says(calls(other), calls(remove), { content: [text("Done")] });
      const asking = await server.server.turn(await server.server.createSession(), "Delete both");
      expect(asking.interrupts).toMatchObject([{ payload: { tool_args: { path: "notes.txt" } } }]);
      expect((await server.resume(asking, { approved: true })).response?.content).toBe("Done");
    });

    test("may be true for all", async () => {
      await using server = await startSdkServer("anthropic.ts:all");
      claude.says(calls(weather));
      const asking = await server.server.turn(await server.server.createSession(), "weather");
      expect(asking.interrupts).toMatchObject([{ payload: { tool_name: "get_weather" } }]);
    });

    test("that throws fails the turn, and runs nothing", async () => {
      await using server = await startSdkServer("anthropic.ts:broken");
      claude.says(calls(weather));
      const failed = await server.server.turn(await server.server.createSession(), "weather");
      expect(failed).toMatchObject({ status: "error", error: "Error: The list of approvals is gone" });
      expect(claude.requests).toHaveLength(1);
    });
  });

  describe("an end that is none", () => {
    test("max_iterations: fails the turn, and runs no call in vain", async () => {
      await using server = await startSdkServer("anthropic.ts:bounded");
      claude.says(calls(weather), calls(call("toolu_5", "get_weather", { city: "Oslo" })));
      const id = await server.server.createSession();
      const events = await server.stream(id, { content: "weather" });
      expect(events.at(-1)?.data).toMatchObject({
        outcome: "failed",
        error: "Error: Cannot finish the turn: the model is not done after 2 requests; raise max_iterations",
        receipt: { usage: { input_tokens: 20, output_tokens: 10, total_tokens: 30 } },
      });
      expect(events.filter(({ event }) => event === "tool-call")).toHaveLength(1);
    });

    test("max_tokens: answers with a text as far as it goes, and says so", async () => {
      claude.says({ content: [text("Once upon a")], stop_reason: "max_tokens" });
      const events = await sdk.stream(await start(), { content: "A story" });
      expect(events.at(-1)?.data.response).toEqual({ role: "assistant", content: "Once upon a" });
      expect(events.find(({ event }) => event === "custom")?.data).toMatchObject({
        name: "stop_reason",
        data: "max_tokens",
      });
    });

    for (const content of [[text("Wait."), weather], [thinking("So much to think of")], []]) {
      const what = content.map(({ type }) => type).join(", ");
      test(`max_tokens: fails with ${what || "nothing"} alone`, async () => {
        claude.says({ content, stop_reason: "max_tokens" });
        const failed = await sdk.server.turn(await start(), "A story");
        expect(failed.error).toBe(
          "Error: Cannot finish the turn: the model was cut off at max_tokens (16000); raise it",
        );
      });
    }

    test("refusal: answers that it was refused, and why", async () => {
      const stop_details = { type: "refusal", category: "bio", explanation: "This may do harm." };
      claude.says({ content: [text("First,")], stop_reason: "refusal", stop_details });
      const id = await start();
      const events = await sdk.stream(id, { content: "Do harm" });
      expect(said(events, "text-delta")).toBe("First,\n\nRefused by the model: This may do harm.");
      expect(events.at(-1)?.data).toMatchObject({
        outcome: "completed",
        response: { content: said(events, "text-delta") },
      });
      claude.says({ content: [], stop_reason: "refusal" });
      expect((await sdk.server.turn(id, "Really")).response?.content).toBe("Refused by the model.");
    });

    test("pause_turn: is gone on with, and is one answer", async () => {
      const search = { type: "server_tool_use", id: "srv_1", name: "web_search", input: {} };
      claude.says(
        { content: [text("I look. "), search], stop_reason: "pause_turn" },
        { content: [text("Found.")] },
      );
      const id = await start();
      expect((await sdk.server.turn(id, "Search")).response?.content).toBe("I look. Found.");
      expect(await sdk.messages(id)).toHaveLength(2);
    });
  });

  describe("a structured answer", () => {
    test("is checked, and what does not fit fails the turn", async () => {
      await using server = await startSdkServer("anthropic.ts:structured");
      const id = await server.server.createSession();
      claude.says({ content: [text('{"city":"Paris"}')] });
      expect((await server.server.turn(id, "Where?")).error).toContain(
        "The model's answer does not fit output_config.format: Failed to parse structured output",
      );
      expect(claude.requests[0].output_config.format).toMatchObject({ type: "json_schema" });
    });

    test("may have words before a call, and may be refused or cut off", async () => {
      await using server = await startSdkServer("anthropic.ts:structured");
      const id = await server.server.createSession();
      const json = '{"city":"Paris","degrees":21}';
      claude.says(calls(text("One moment."), weather), { content: [text(json)] });
      expect((await server.server.turn(id, "Where?")).response?.content).toBe(json);
      claude.says({ content: [text('{"ci')], stop_reason: "refusal" });
      expect((await server.server.turn(id, "Where?")).response?.content).toContain("Refused by the model.");
      claude.says({ content: [text('{"ci')], stop_reason: "max_tokens" });
      expect((await server.server.turn(id, "Where?")).error).toContain("cut off at max_tokens");
    });
  });

  test("counts tokens that were cached", async () => {
    const usage = { cache_creation_input_tokens: 100, cache_read_input_tokens: 1000 };
    claude.says({ content: [text("Hi")], usage });
    expect((await sdk.server.turn(await start(), "Hello")).turn?.usage).toEqual({
      input_tokens: 1110,
      output_tokens: 5,
      total_tokens: 1115,
    });
  });

  test("sends its parameters as they are, with a client of the user's own", async () => {
    await using server = await startSdkServer("anthropic.ts:tuned");
    const id = await server.server.createSession({ state: [{ role: "system", content: "Speak French." }] });
    claude.says({ content: [text("Oui")] });
    expect((await server.server.turn(id, "Hello")).response?.content).toBe("Oui");
    expect(claude.requests[0]).toMatchObject({
      model: "claude-opus-5-5",
      max_tokens: 77,
      stream: true,
      system: [{ ...text("Be brief."), cache_control: { type: "ephemeral" } }, text("Speak French.")],
      thinking: { type: "adaptive" },
      tool_choice: { type: "auto" },
    });
    for (const name of ["thread", "client", "requiresApproval", "max_iterations", "output_config"])
      expect(claude.requests[0]).not.toHaveProperty(name);
    expect(claude.headers[0]?.get("anthropic-beta")).toContain("context-1m-2025-08-07");
    expect(claude.headers[0]?.get("authorization")).toBe("Bearer the user's own");
  });
});

describe("a ToolRunner that cannot work", () => {
  const { ANTHROPIC_API_KEY: key } = process.env;
  let empty: string;
  beforeAll(async () => {
    empty = await mkdtemp(join(tmpdir(), "motus-anthropic-"));
    // Also no profile of whoever runs this test.
    process.env.ANTHROPIC_CONFIG_DIR = empty;
    delete process.env.ANTHROPIC_API_KEY;
  });
  afterAll(async () => {
    delete process.env.ANTHROPIC_CONFIG_DIR;
    if (key !== undefined) process.env.ANTHROPIC_API_KEY = key;
    await rm(empty, { recursive: true });
  });

  test("warns of a missing key when it is loaded, and says so in its turn", async () => {
    const { warnings } = await loadAgent("anthropic.ts:agent", folder);
    expect(warnings).toEqual([
      "ANTHROPIC_API_KEY is not set; turns will fail unless the agent's own code gives a client",
    ]);
    await using sdk = await startSdkServer("anthropic.ts:agent");
    const failed = await sdk.server.turn(await sdk.server.createSession(), "Hello");
    expect(failed.error).toBe("Error: Cannot ask the model: Anthropic has no key; set ANTHROPIC_API_KEY");
  });

  test("does not warn where there is a profile, or a client of the user's own", async () => {
    expect((await loadAgent("anthropic.ts:tuned", folder)).warnings).toEqual([]);
    const authentication = { type: "user_oauth" };
    await Bun.write(join(empty, "configs/default.json"), JSON.stringify({ authentication }));
    expect((await loadAgent("anthropic.ts:agent", folder)).warnings).toEqual([]);
  });

  test("is made without the SDK, and says how to install it", async () => {
    const source = fileURLToPath(new URL("../../../", import.meta.url));
    for (const name of ["src", "package.json"])
      await cp(join(source, name), join(empty, name), { recursive: true });
    await mkdir(join(empty, "node_modules"));
    await Bun.write(
      join(empty, "agent.ts"),
      'import { ToolRunner } from "./src/agent/anthropic.ts"; export const agent = new ToolRunner({ model: "claude" });',
    );
    await expect(loadAgent("agent.ts:agent", empty)).rejects.toMatchObject({
      code: "agent_sdk_missing",
      message: expect.stringContaining("run: bun add @anthropic-ai/sdk"),
    });
  });

  test("says which name no tool has, and what max_iterations may be", () => {
    const make = (options: Partial<ToolRunnerOptions>) => () =>
      new ToolRunner({ model: "claude", ...options });
    expect(make({ requiresApproval: ["delete_fil"] })).toThrow(
      'requiresApproval names "delete_fil", which is none of its own tools; there are none',
    );
    expect(make({ max_iterations: 0 })).toThrow("max_iterations is 0, it must be 1 or more");
  });
});

describe("what is no agent", () => {
  test("a client says what to export instead", async () => {
    await expect(loadAgent("anthropic.ts:client", folder)).rejects.toThrow(
      'it is an Anthropic client; export new ToolRunner({ client, model, max_tokens, tools }) from "motus-serve/anthropic"',
    );
  });

  test("a tool runner of the SDK says what to export instead", async () => {
    await expect(loadAgent("anthropic.ts:runner", folder)).rejects.toThrow(
      'it is a tool runner of one conversation; export new ToolRunner({ model, max_tokens, tools }) from "motus-serve/anthropic"',
    );
  });
});
