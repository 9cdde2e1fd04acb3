import { describe, expect, test } from "bun:test";
import type { AgentEvent, ChatMessage, TurnContext } from "motus-serve";
import { type AgentAnswer, AgentBase, type AgentSpeech } from "motus-serve/agent";
import { runAgent } from "../../src/agent/run-agent.ts";
import { startServer } from "../helpers/start-server.ts";

type Answer = AgentAnswer | Promise<AgentAnswer> | AgentSpeech;

/** An agent of one function. */
class Runs extends AgentBase {
  readonly #run: (memory: ChatMessage[]) => Answer;

  constructor(run: (memory: ChatMessage[]) => Answer) {
    super();
    this.#run = run;
  }

  run(_message: ChatMessage, memory: ChatMessage[]): Answer {
    return this.#run(memory);
  }
}

const message: ChatMessage = { role: "user", content: "Hi" };
const before: ChatMessage = { role: "user", content: "Before" };
const answer: ChatMessage = { role: "assistant", content: "Hello" };

/** One turn after `before`, and what was said in it. */
async function turnOf(agent: AgentBase) {
  const said: AgentEvent[] = [];
  const turn = { emit: (event: AgentEvent) => said.push(event) } as Partial<TurnContext> as TurnContext;
  const [response, state] = await runAgent(agent.runTurn.bind(agent), message, [before], turn);
  return { response, state, said };
}

describe("AgentBase keeps", () => {
  const texts: [string, () => Answer][] = [
    ["text", () => "Hello"],
    ["a promise of one", async () => "Hello"],
    ["a message", () => answer],
    ["what was yielded", () => speech(["Hel", "lo"])],
    ["what was yielded as events", () => speech([{ type: "text-delta", delta: "Hello" }])],
    ["what a generator returns", () => speech(["Something else"], "Hello")],
  ];
  test.each(texts)("%s that run() answers with", async (_, run) => {
    const { response, state } = await turnOf(new Runs(run));
    expect(response).toEqual(answer);
    expect(state).toEqual([before, message, answer]);
  });

  test("what a generator that is not async yields", async () => {
    const { response } = await turnOf(
      new Runs(function* () {
        yield "Hello";
      }),
    );
    expect(response).toEqual(answer);
  });

  test("messages that run() adds to its memory, and the answer once", async () => {
    const tool: ChatMessage = { role: "tool", content: "sunny", tool_call_id: "c1" };
    const { state } = await turnOf(
      new Runs((memory) => {
        memory.push(tool, answer);
        return answer;
      }),
    );
    expect(state).toEqual([before, message, tool, answer]);
  });

  test("no messages that run() takes out of its memory", async () => {
    const summary: ChatMessage = { role: "system", content: "They greeted each other." };
    const { state } = await turnOf(
      new Runs((memory) => {
        memory.splice(0, 1, summary);
        return "Hello";
      }),
    );
    expect(state).toEqual([summary, message, answer]);
  });
});

test("AgentBase says what is yielded, in order", async () => {
  const { said } = await turnOf(
    new Runs(() => speech(["Hel", { type: "reasoning-delta", delta: "Hm" }, "lo"])),
  );
  expect(said).toEqual([
    { type: "text-delta", delta: "Hel" },
    { type: "reasoning-delta", delta: "Hm" },
    { type: "text-delta", delta: "lo" },
  ]);
});

describe("a systemPrompt of AgentBase", () => {
  test("stands first in the memory and is not kept, whatever becomes of the memory", async () => {
    const seen: ChatMessage[][] = [];
    const agent = new Runs((memory) => {
      seen.push([...memory]);
      memory.splice(0, memory.length, ...memory.map((kept) => ({ ...kept })));
      return "Hello";
    });
    agent.systemPrompt = "Be brief.";
    const { state } = await turnOf(agent);
    expect(seen).toEqual([[{ role: "system", content: "Be brief." }, before, message]]);
    expect(state).toEqual([before, message, answer]);
  });

  test("may be a function, which is called on every turn", async () => {
    let turns = 0;
    const agent = new Runs((memory) => memory[0]?.content ?? "");
    agent.systemPrompt = () => `Turn ${++turns}`;
    expect((await turnOf(agent)).response.content).toBe("Turn 1");
    expect((await turnOf(agent)).response.content).toBe("Turn 2");
  });
});

test("AgentBase says when run() has answered nothing", async () => {
  const forgetful = new Runs(() => undefined as unknown as string);
  await expect(turnOf(forgetful)).rejects.toThrow(
    "must return a text or a message from run(), got undefined",
  );
});

test("a subclass of AgentBase is served under its name, with its memory", async () => {
  await using server = await startServer("parrot.ts:agent");
  expect(server.kind).toBe("Parrot");
  const id = await server.createSession();
  expect((await server.turn(id, "Hello")).response?.content).toBe("Repeat. Hello, as message 1");
  expect((await server.turn(id, "Again")).response?.content).toBe("Repeat. Again, as message 3");
  const { body } = await server.request("GET", `/sessions/${id}/messages`);
  expect(body.map(({ role }: ChatMessage) => role)).toEqual(["user", "assistant", "user", "assistant"]);
});

async function* speech(said: (string | AgentEvent)[], ending?: string) {
  yield* said;
  return ending;
}
