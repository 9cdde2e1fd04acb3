/** What leaves the machine: nothing but what was asked for, whichever SDK is served. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { MotusClient, type SessionView } from "motus-serve/client";
import { mainFile, Output } from "./cli/run-cli.ts";
import { type MockModel, startMockModel } from "./helpers/mock-model.ts";
import { canRecord, type Recording, record, skipReason } from "./helpers/recorder.ts";
import { temporaryFolder } from "./helpers/temporary-folder.ts";

const agents = fileURLToPath(new URL("fixtures/agents/", import.meta.url));
const examples = fileURLToPath(new URL("../examples/", import.meta.url));
const names = readdirSync(examples, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);

/** The minutes that a machine may need that does other things as well. */
const patience = 120_000;

/** `motus serve start` under the recorder. */
async function serve(agent: string, ...flags: string[]) {
  const parameters = [
    "serve",
    "start",
    agent,
    "--port",
    "0",
    "--log-format",
    "json",
    "--shutdown-timeout",
    "0",
  ];
  const recording = record([process.execPath, mainFile, ...parameters, ...flags]);
  const log = new Output(recording.child.stdout);
  const [, url = ""] = await log.until(/"url":"(http:[^"]*)"/);
  return { recording, log, url, client: new MotusClient(url) };
}

/** Ends a server as a signal does; what it and its workers talked to besides. */
async function leftTo({ child, strangers }: Recording, ...allowed: string[]): Promise<string[]> {
  child.kill("SIGTERM");
  return strangers(...allowed);
}

async function turn(client: MotusClient, content: string): Promise<SessionView> {
  const { session_id } = await client.createSession();
  await client.send(session_id, content);
  return client.wait(session_id);
}

describe.skipIf(!canRecord)(`what leaves the machine${skipReason}`, () => {
  let model: MockModel;
  beforeAll(async () => {
    model = await startMockModel();
  });
  afterAll(() => model?.[Symbol.asyncDispose]());
  const modelAddress = () => new URL(model.url).host;

  for (const name of names) {
    test(
      `serving the example ${name}: requests to its model alone`,
      async () => {
        const { recording, client } = await serve(`${examples}${name}/agent.ts:agent`, "--no-compile");
        await using _ = recording;
        for (const content of ["one two three", "weather in Paris"])
          expect((await turn(client, content)).status).toBeOneOf(["idle", "interrupted"]);
        expect(await leftTo(recording, modelAddress())).toEqual([]);
      },
      patience,
    );
  }

  test(
    "compiling an agent: nothing",
    async () => {
      using folder = temporaryFolder();
      const flags = ["--cache-dir", folder.path];
      const { recording, log, client } = await serve(`${examples}ai-sdk/agent.ts:agent`, ...flags);
      await using _ = recording;
      await log.until(/"msg":"workers start compiled"/);
      expect((await turn(client, "one two three")).status).toBe("idle");
      expect(await leftTo(recording, modelAddress())).toEqual([]);
    },
    patience,
  );

  test(
    "the commands of a client: requests to the server that they name",
    async () => {
      const { recording, url, client } = await serve(`${agents}echo.ts:agent`, "--no-compile");
      await using _ = recording;
      const { session_id } = await turn(client, "Hello!").then(() => client.createSession());
      for (const command of [
        ["serve", "health", url],
        ["serve", "sessions", url],
        ["serve", "send", url, session_id, "Hello!"],
        ["serve", "messages", url, session_id],
        ["serve", "delete", url, session_id],
        ["serve", "chat", url, "Hello!"],
        ["doctor", `${agents}echo.ts:agent`],
        ["--version"],
      ]) {
        await using told = record([process.execPath, mainFile, ...command]);
        const [error, exitCode] = [await new Response(told.child.stderr).text(), await told.child.exited];
        expect([command, exitCode, error]).toEqual([command, 0, expect.any(String)]);
        expect([command, ...(await told.strangers(new URL(url).host))]).toEqual([command]);
      }
      expect(await leftTo(recording)).toEqual([]);
    },
    patience,
  );

  test(
    "an agent whose process crashes: no report of it",
    async () => {
      const { recording, client } = await serve(`${agents}phones.ts:agent`, "--no-compile");
      await using _ = recording;
      expect((await turn(client, "crash")).turn).toMatchObject({ outcome: "crashed", signal: "SIGSEGV" });
      expect(await leftTo(recording)).toEqual([]);
    },
    patience,
  );

  test(
    "an agent that talks to others: the recorder sees it",
    async () => {
      const { recording, client } = await serve(`${agents}phones.ts:agent`, "--no-compile");
      await using _ = recording;
      for (const address of ["http://127.0.0.1:9/", "http://[::1]:9/", "http://nowhere.invalid/"])
        expect((await turn(client, address)).response?.content).toBe("nobody");
      const strangers = await leftTo(recording);
      expect(strangers).toContain("127.0.0.1:9");
      expect(strangers).toContain("[::1]:9");
      // How a name is looked up depends on the machine; that it is asked for is seen on all of them.
      expect(strangers.length).toBeGreaterThan(2);
    },
    patience,
  );
});
