/** Turns whose model says what no model over HTTP can be made to say here. */
import { expect, test } from "bun:test";
import { stepCountIs, ToolLoopAgent, type ToolLoopAgentSettings, type ToolSet, tool } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import type { AgentEvent, ChatMessage, TurnContext } from "motus-serve";
import { z } from "zod";
import { runAiSdkAgent } from "../../../src/agent/adapters/ai-sdk.ts";

type Streamed = Awaited<ReturnType<MockLanguageModelV4["doStream"]>>["stream"];
type Part = Streamed extends ReadableStream<infer Value> ? Value : never;
type Finish = Extract<Part, { type: "finish" }>;

const message: ChatMessage = { role: "user", content: "Hi" };
const tools = {
  look: tool({ inputSchema: z.object({ at: z.string() }), execute: ({ at }) => `Blue ${at}` }),
};
const look = { type: "tool-call", toolCallId: "c1", toolName: "look", input: '{"at":"sky"}' } as const;

const text = (delta: string, id = "1"): Part[] => [
  { type: "text-start", id },
  { type: "text-delta", id, delta },
  { type: "text-end", id },
];
const finish = (unified: Finish["finishReason"]["unified"]): Finish => ({
  type: "finish",
  finishReason: { unified, raw: unified },
  usage: {
    inputTokens: { total: 3, noCache: 3, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: 2, text: 2, reasoning: 0 },
  },
});

/** One turn of an agent whose model says these steps; it is asked how the turn went, and what was said meanwhile. */
async function turnOf(
  steps: Part[][],
  settings: Partial<ToolLoopAgentSettings<never, ToolSet>> = {},
  signal = new AbortController().signal,
) {
  const said: AgentEvent[] = [];
  const turn = {
    signal,
    emit: (event: AgentEvent) => {
      if (JSON.stringify(event).length > 1_000) throw new RangeError("It is too long");
      said.push(event);
    },
    interrupt: async () => ({ approved: true }),
    reportUsage: () => {},
  } as Partial<TurnContext> as TurnContext;
  const doStream = steps.map((parts) => ({
    stream: new ReadableStream<Part>({
      start(controller) {
        for (const part of parts) controller.enqueue(part);
        controller.close();
      },
    }),
  }));
  const model = new MockLanguageModelV4({ doStream });
  const agent = new ToolLoopAgent<never, ToolSet>({ model, tools, onError: () => {}, ...settings });
  const [response, state] = await runAiSdkAgent(agent, message, [], { turn, maxSteps: undefined });
  return { response, added: state.slice(1), said, prompts: model.doStreamCalls.map(({ prompt }) => prompt) };
}

test("a model that has nothing to add to what its tool gave answers with an empty text", async () => {
  const { response, added } = await turnOf([[look, finish("tool-calls")], [finish("stop")]]);
  expect(response).toEqual({ role: "assistant", content: "" });
  expect(added.map(({ role }) => role)).toEqual(["assistant", "tool", "assistant"]);
});

test("a text beside the call that an agent ends with is the answer", async () => {
  const { response, added } = await turnOf([[...text("I look."), look, finish("tool-calls")]], {
    stopWhen: stepCountIs(1),
  });
  expect(response).toMatchObject({ content: "I look.", tool_calls: [{ id: "c1" }] });
  expect(added.map(({ role }) => role)).toEqual(["assistant", "tool"]);
});

test("texts of several steps are all said, and each kept with its step", async () => {
  const { response, added, said } = await turnOf([
    [...text("I look."), look, finish("tool-calls")],
    [...text("It is blue."), finish("stop")],
  ]);
  expect(response.content).toBe("It is blue.");
  expect(added.map(({ content }) => content)).toEqual(["I look.", "Blue sky", "It is blue."]);
  expect(said.flatMap((event) => (event.type === "text-delta" ? event.delta : []))).toEqual([
    "I look.",
    "It is blue.",
  ]);
});

test("a tool of the provider's is said and not kept", async () => {
  const search = { ...look, toolName: "search", providerExecuted: true } as const;
  const result = { type: "tool-result", toolCallId: "c1", toolName: "search", result: { found: 1 } } as const;
  const { response, added, said } = await turnOf([[search, result, ...text("Found it."), finish("stop")]], {
    tools: {
      search: tool({
        type: "provider",
        id: "test.search",
        isProviderExecuted: true,
        args: {},
        inputSchema: z.object({ at: z.string() }),
        outputSchema: z.object({ found: z.number() }),
      }),
    },
  });
  expect(added).toEqual([{ role: "assistant", content: "Found it." }]);
  expect(added).toEqual([response]);
  expect(said.map(({ type }) => type)).toEqual(["tool-call", "tool-result", "text-delta"]);
  expect(said[1]).toMatchObject({ tool_name: "search", output: { found: 1 } });
});

test("a call of a tool that there is not is an error that the model is told", async () => {
  const unknown = { ...look, toolName: "listen" };
  const { response, said, prompts } = await turnOf([
    [unknown, finish("tool-calls")],
    [...text("I cannot hear."), finish("stop")],
  ]);
  expect(response.content).toBe("I cannot hear.");
  expect(said.map(({ type }) => type)).toEqual(["tool-call", "tool-result", "text-delta"]);
  expect(said[1]).toMatchObject({ tool_name: "listen", is_error: true });
  expect(JSON.stringify(prompts[1])).toContain("listen");
});

test("a tool's result that is too long for an event does not end the turn", async () => {
  const looking = tool({ inputSchema: z.object({ at: z.string() }), execute: () => "a".repeat(2_000) });
  const { said, prompts } = await turnOf(
    [
      [look, finish("tool-calls")],
      [...text("Much"), finish("stop")],
    ],
    { tools: { look: looking } },
  );
  expect(said[1]).toMatchObject({
    type: "tool-result",
    output: "Not shown. RangeError: It is too long",
    is_error: false,
  });
  expect(prompts).toHaveLength(2);
});

test("paragraphs of reasoning stand apart, and are said as they are kept", async () => {
  const think = (id: string, delta: string): Part[] => [
    { type: "reasoning-start", id },
    { type: "reasoning-delta", id, delta },
    { type: "reasoning-end", id },
  ];
  const { response, said } = await turnOf([
    [...think("1", "Day."), ...think("2", ""), ...think("3", "So blue."), ...text("Blue"), finish("stop")],
  ]);
  expect(response.reasoning).toBe("Day.\n\nSo blue.");
  const reasoned = said.flatMap((event) => (event.type === "reasoning-delta" ? event.delta : []));
  expect(reasoned.join("")).toBe("Day.\n\nSo blue.");
});

test("signed thinking goes back to the model within the turn as it came", async () => {
  const signed = { anthropic: { signature: "sig" } };
  const { prompts, added } = await turnOf([
    [
      { type: "reasoning-start", id: "1" },
      { type: "reasoning-delta", id: "1", delta: "Look up." },
      { type: "reasoning-end", id: "1", providerMetadata: signed },
      look,
      finish("tool-calls"),
    ],
    [...text("Blue"), finish("stop")],
  ]);
  expect(JSON.stringify(prompts[1])).toContain('"signature":"sig"');
  expect(added[0]).toMatchObject({
    reasoning: "Look up.",
    reasoning_details: [{ type: "reasoning.text", signature: "sig", format: "anthropic-claude-v1" }],
    tool_calls: [{ id: "c1" }],
  });
});

test("an error in the middle of an answer fails the turn with its words", async () => {
  const broken: Part[] = [...text("It is"), { type: "error", error: new Error("The line went dead") }];
  await expect(turnOf([[...broken, finish("error")]])).rejects.toThrow("The line went dead");
});

test("a turn that is cancelled rejects with the reason, whatever the SDK says", async () => {
  const controller = new AbortController();
  const cancelling = tool({
    inputSchema: z.object({ at: z.string() }),
    execute: () => {
      controller.abort(new DOMException("Cancelled", "AbortError"));
      return "too late";
    },
  });
  const steps = [
    [look, finish("tool-calls")],
    [...text("Blue"), finish("stop")],
  ];
  await expect(turnOf(steps, { tools: { look: cancelling } }, controller.signal)).rejects.toThrow(
    "Cancelled",
  );
});

test("an agent's own time limit fails the turn, and says that it was not the turn's", async () => {
  const slow = tool({
    inputSchema: z.object({ at: z.string() }),
    execute: (_, { abortSignal }) =>
      new Promise<string>((_, reject) =>
        abortSignal?.addEventListener("abort", () => reject(abortSignal.reason)),
      ),
  });
  const steps = [[look, finish("tool-calls")]];
  await expect(turnOf(steps, { tools: { look: slow }, timeout: 20 })).rejects.toThrow(
    /timeout|timed out|stopped/i,
  );
});
