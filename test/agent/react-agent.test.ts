import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openai } from "@ai-sdk/openai";
import { ReActAgent } from "motus-serve/agent";
import { agentAdapterContract, type SdkServer, startSdkServer } from "../contracts/agent-adapter.ts";
import { type MockModel, startMockModel } from "../helpers/mock-model.ts";
import { startServer } from "../helpers/start-server.ts";

agentAdapterContract({ fixture: "react-agent", kind: "ReActAgent", reasons: true });

let model: MockModel;
beforeAll(async () => {
  model = await startMockModel();
});
afterAll(() => model?.[Symbol.asyncDispose]());

const serve = (name: string): Promise<SdkServer> => startSdkServer(`react-agent.ts:${name}`);

async function turn(sdk: SdkServer, content: string) {
  return sdk.server.turn(await sdk.server.createSession(), content);
}

describe("maxSteps", () => {
  test("fails a turn whose model still calls tools", async () => {
    await using sdk = await serve("hasty");
    const failed = await turn(sdk, "weather in Paris");
    expect(failed).toMatchObject({ status: "error", turn: { usage: { total_tokens: 18 } } });
    expect(failed.error).toContain("asked its model 1 times, and the model still calls tools");
    expect((await turn(sdk, "Hello")).response?.content).toBe("You said: Hello");
  });

  test("counts across the questions that interrupt a turn", async () => {
    await using sdk = await serve("endless");
    let session = await turn(sdk, "delete notes.txt");
    for (let asked = 1; asked <= 2; asked += 1) {
      expect(session.status).toBe("interrupted");
      session = await sdk.resume(session, { approved: true });
    }
    expect(session).toMatchObject({ status: "error", error: expect.stringContaining("3 times") });
    expect((await turn(sdk, "weather in Paris")).turn?.usage?.input_tokens).toBe(33);
  });

  test("is refused when it is no number of steps", () => {
    for (const maxSteps of [0, -1, 1.5, Number.NaN])
      expect(() => new ReActAgent({ model: openai("gpt-5"), maxSteps })).toThrow(RangeError);
  });
});

describe("tools", () => {
  test("that need approval by their input ask for some and not for others", async () => {
    await using sdk = await serve("considerate");
    expect((await turn(sdk, "delete a.tmp")).response?.content).toContain("Deleted a.tmp");
    expect((await turn(sdk, "delete a.txt")).status).toBe("interrupted");
  });

  test("made by the AI SDK's own tool() work too", async () => {
    await using sdk = await serve("withSdkTool");
    expect((await turn(sdk, "weather in Paris")).response?.content).toContain("Rain in Paris");
  });
});

test("a schema may be a JSON Schema", async () => {
  await using sdk = await serve("structuredByJsonSchema");
  expect(JSON.parse((await turn(sdk, "json")).response?.content ?? "")).toMatchObject({ city: "Paris" });
});

test("a system prompt may be a function, called when the turn comes", async () => {
  await using sdk = await serve("punctual");
  expect(sdk.kind).toBe("ReActAgent Clock");
  const session = await turn(sdk, "recall");
  expect(session.response?.content).toStartWith(`system: Turn ${session.turn?.turn_id}`);
});

describe("motus-serve/agent where the AI SDK is not installed", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "motus-agent-"));
    for (const part of ["src", "package.json"]) {
      const from = fileURLToPath(new URL(`../../${part}`, import.meta.url));
      await cp(from, join(folder, "node_modules/motus-serve", part), { recursive: true });
    }
    await Bun.write(
      join(folder, "agents.ts"),
      `import { AgentBase, ReActAgent } from "motus-serve/agent";
       class Parrot extends AgentBase {
         run({ content }) { return content; }
       }
       export const parrot = new Parrot();
       export const thinker = new ReActAgent({ model: "openai/gpt-5" });`,
    );
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  test("serves what does not need it", async () => {
    await using server = await startServer("agents.ts:parrot", { folder });
    expect(server.kind).toBe("AgentBase");
    expect((await server.turn(await server.createSession(), "Hello")).response?.content).toBe("Hello");
  });

  test("says what to run for what needs it", async () => {
    await expect(startServer("agents.ts:thinker", { folder })).rejects.toMatchObject({
      code: "agent_sdk_missing",
      message: expect.stringMatching(/; run: bun add ai$/),
    });
  });
});

test("motus-serve/agent loads no SDK and no schema library, which would cost more than the turn", async () => {
  const entry = fileURLToPath(new URL("../../src/agent/agent.ts", import.meta.url));
  const { outputs } = await Bun.build({
    entrypoints: [entry],
    target: "bun",
    packages: "external",
    minify: true,
  });
  const code = await outputs[0]?.text();
  expect(code).not.toMatch(/from ?"(?!node:|fs"|path")/);
  expect(code?.length).toBeLessThan(30_000);
});

test("a key that is missing is said at the start", async () => {
  const key = process.env.OPENAI_API_KEY;
  delete process.env.OPENAI_API_KEY;
  const warnings: string[] = [];
  const warn = (_: object, text: string) => warnings.push(text);
  try {
    await using _ = await startSdkServer("react-agent.ts:agent", {
      logger: { debug() {}, info() {}, error() {}, warn },
    });
    expect(warnings).toEqual([expect.stringContaining("OPENAI_API_KEY")]);
  } finally {
    process.env.OPENAI_API_KEY = key;
  }
});
