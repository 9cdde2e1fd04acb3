import { afterAll, beforeAll, expect, test } from "bun:test";
import { askUserTool } from "motus-serve/agent";
import { questionsJsonSchema } from "../../src/protocol/interrupt.check.ts";
import { type SdkServer, startSdkServer } from "../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../helpers/mock-model.ts";

let model: MockModel;
let sdk: SdkServer;
beforeAll(async () => {
  model = await startMockModel();
  sdk = await startSdkServer("react-agent.ts:asking");
});
afterAll(async () => {
  await sdk?.[Symbol.asyncDispose]();
  await model?.[Symbol.asyncDispose]();
});

test("askUserTool asks a person for the model, and tells it the answers", async () => {
  const id = await sdk.server.createSession();
  const asking = await sdk.server.turn(id, "ask me");
  expect(asking.interrupts?.[0]).toMatchObject({
    type: "user_input",
    payload: { questions: [{ question: "Which colour?", options: [{ label: "Red" }, { label: "Blue" }] }] },
  });
  const done = await sdk.resume(asking, { answers: { "Which colour?": "Blue" } });
  expect(done.response?.content).toBe("The tool said: Which colour?\nBlue");
  expect((await sdk.messages(id))[2]).toMatchObject({ role: "tool", name: "ask_user" });
});

test("askUserTool shows the model the schema of questions", async () => {
  await sdk.server.turn(await sdk.server.createSession(), "Hello");
  const sent = JSON.parse(model.requests.at(-1)?.text ?? "");
  expect(sent.tools[0]).toMatchObject({ name: "ask_user", parameters: questionsJsonSchema });
});

test("askUserTool tells the model what it asked wrongly", async () => {
  const done = await sdk.server.turn(await sdk.server.createSession(), "ask wrongly");
  expect(done.status).toBe("idle");
  expect(done.response?.content).toContain("two to four options");
});

test("askUserTool tells the model when a person's client answers with something else", async () => {
  const asking = await sdk.server.turn(await sdk.server.createSession(), "ask me");
  const done = await sdk.resume(asking, "Blue");
  expect(done.status).toBe("idle");
  expect(done.response?.content).toContain("Cannot use the answer");
});

test.each([{}, { questions: "Which colour?" }, null, "ask"])("askUserTool takes no %j", (input) => {
  const { inputSchema } = askUserTool;
  if (!("~standard" in inputSchema)) throw new Error("It is no Standard Schema");
  expect(inputSchema["~standard"].validate(input)).toHaveProperty("issues");
});
