import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServer } from "../helpers/start-server.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "motus-sdk-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Something of the shape of an agent of the OpenAI Agents SDK, and an SDK of the version that a test needs. */
const shape = `{
  name: "a", handoffs: [], modelSettings: {}, outputGuardrails: [],
  getSystemPrompt() {}, getAllTools() {}, asTool() {}, clone() {},
}`;

async function writeProject({ version, agent }: { version?: string; agent: string }): Promise<void> {
  await Bun.write(join(folder, "agent.ts"), agent);
  if (version === undefined) return;
  const sdk = join(folder, "node_modules/@openai/agents");
  const manifest = { name: "@openai/agents", version, type: "module", exports: { ".": "./dist/index.js" } };
  await Bun.write(join(sdk, "package.json"), JSON.stringify(manifest));
  await Bun.write(join(sdk, "dist/index.js"), `export const run = () => {}; export const agent = ${shape};`);
}

const importing = 'export { agent } from "@openai/agents";';

async function start(warnings: string[] = []): Promise<{ kind: string }> {
  const logger = {
    debug() {},
    info() {},
    error() {},
    warn: (_: object, text: string) => warnings.push(text),
  };
  await using server = await startServer("agent.ts:agent", { folder, logger });
  return { kind: server.kind };
}

describe("an SDK", () => {
  test("that the agent's file imports and that is not installed: says what to run", async () => {
    await writeProject({ agent: importing });
    await expect(start()).rejects.toThrow(/@openai\/agents.*; run: bun add @openai\/agents$/s);
  });

  test("that the adapter needs and the agent's file cannot import: says what to run", async () => {
    await writeProject({ agent: `export const agent = ${shape};` });
    await expect(start()).rejects.toMatchObject({
      code: "agent_sdk_missing",
      message: expect.stringMatching(
        /agent\.ts cannot import @openai\/agents.*run: bun add @openai\/agents$/,
      ),
    });
  });

  test("that is too old is refused, with both versions", async () => {
    await writeProject({ agent: importing, version: "0.3.1" });
    await expect(start()).rejects.toMatchObject({
      code: "agent_sdk_unsupported",
      message: expect.stringMatching(
        /@openai\/agents 0\.3\.1 is installed.*bun add "@openai\/agents@.*0\.20/,
      ),
    });
  });

  test("that is newer than all that was tried is served, with a warning", async () => {
    await writeProject({ agent: importing, version: "7.0.0" });
    const warnings: string[] = [];
    expect(await start(warnings)).toEqual({ kind: "OpenAI Agents SDK agent" });
    expect(warnings[0]).toContain("@openai/agents 7.0.0 is installed, and motus knows");
  });

  test("of a known version is served in silence", async () => {
    await writeProject({ agent: importing, version: "0.20.4" });
    const warnings: string[] = [];
    await start(warnings);
    expect(warnings.filter((text) => !text.includes("OPENAI_API_KEY"))).toEqual([]);
  });
});

test("another package that is missing is named with what to run; a file is not", async () => {
  await writeProject({ agent: 'import "left-pad"; export const agent = () => {};' });
  await expect(start()).rejects.toThrow(/; run: bun add left-pad$/);
  await writeProject({ agent: 'import "./tools.ts"; export const agent = () => {};' });
  await expect(start()).rejects.toThrow(/tools\.ts(?!.*bun add)/s);
});
