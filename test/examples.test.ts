/** Every example is started and held a conversation of two turns with. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Interrupt } from "motus-serve";
import { type MockModel, startMockModel } from "./helpers/mock-model.ts";
import { startServer } from "./helpers/start-server.ts";

const folder = fileURLToPath(new URL("../examples/", import.meta.url));
const names = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** What each example answers to "one two three", then to "four". */
const answers: Record<string, [string, string]> = {
  hello: ["Hello! You said: one two three", "You said: four (and 1 before)"],
  counter: ["This is turn 1. You said: one two three", "This is turn 2. You said: four"],
  "word-count": ["3 words", "1 words"],
  streaming: [
    'You asked: "one two three". Here is an answer, word by word.',
    'You asked: "four". Here is an answer, word by word.',
  ],
  approval: ["Cleaned cache.", "Left cache alone: not today."],
  // What the mock model makes of the two messages.
  "openai-agents": ["You said: one two three", "You said: four"],
  anthropic: ["You said: one two three", "You said: four"],
  "ai-sdk": ["You said: one two three", "You said: four"],
  langchain: ["You said: one two three", "You said: four"],
  langgraph: ["You said: one two three", "You said: four"],
  react: ["You said: one two three", "You said: four"],
  mastra: ["You said: one two three", "You said: four"],
  "google-adk": ["You said: one two three", "You said: four"],
};

/** What a person answers to what an example asks: yes in the first turn, no in the second. */
function answerTo(interrupt: Interrupt, turn: number): object {
  if (interrupt.type === "tool_approval")
    return turn === 0 ? { approved: true } : { approved: false, message: "not today" };
  return { answers: { "Which folder shall I clean?": "cache" } };
}

describe("examples/", () => {
  let model: MockModel;
  beforeAll(async () => {
    model = await startMockModel();
  });
  afterAll(() => model?.[Symbol.asyncDispose]());

  for (const name of names) {
    test(`${name} holds a conversation`, async () => {
      await using server = await startServer(`${name}/agent.ts:agent`, { folder, standby: 1 });
      const id = await server.createSession();
      const said: (string | undefined)[] = [];
      for (const [turn, content] of ["one two three", "four"].entries()) {
        let session = await server.turn(id, content);
        while (session.interrupts !== null) {
          for (const interrupt of session.interrupts) {
            const { interrupt_id } = interrupt;
            const value = answerTo(interrupt, turn);
            await server.request("POST", `/sessions/${id}/resume`, { interrupt_id, value });
          }
          session = (await server.request("GET", `/sessions/${id}?wait=true`)).body;
        }
        said.push(session.response?.content);
      }
      expect(said).toEqual(answers[name] ?? []);
    });
  }

  test("are all listed in its README", async () => {
    const readme = await Bun.file(`${folder}README.md`).text();
    for (const name of names) expect(readme).toContain(`(${name}/agent.ts)`);
  });
});
