/** `motus store`: what is in a file, whether it is whole, and how to get it out. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { createGate, type Gate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { runCli } from "./run-cli.ts";

const folder = temporaryFolder();
const file = `${folder.path}/motus.sqlite`;
let gate: Gate;
let server: TestServer;
let done: string;
let running: string;

beforeAll(async () => {
  gate = createGate();
  server = await startServer("live.ts:agent", { store: `sqlite:${file}` });
  done = await server.createSession({ metadata: { user: "ada" } });
  await server.turn(done, "count 3");
  await server.turn(done, "write");
  running = await server.createSession();
  await server.request("POST", `/sessions/${running}/messages`, { content: `write ${gate.url}` });
  await gate.arrivals(1);
});
afterAll(async () => {
  await gate[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

/** A copy of the file after a server had it, with some of its pages overwritten. */
async function damagedFile(): Promise<string> {
  const path = `${folder.path}/${crypto.randomUUID()}.sqlite`;
  await using other = await startServer("echo.ts:agent", { store: `sqlite:${path}` });
  for (let i = 0; i < 20; i++) await other.createSession({ metadata: { text: "x".repeat(5_000) } });
  await other.server.stop();
  const bytes = readFileSync(path);
  bytes.fill(0xee, bytes.length - 5 * 4096);
  writeFileSync(path, bytes);
  return path;
}

describe("motus store check", () => {
  test("says what is in a file that a server uses", async () => {
    const { stdout, stderr, exitCode } = await runCli(["store", "check", file]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^file +\/.*motus\.sqlite\nschema +\d+\nwhole +yes\nsessions +1 idle, 1 running\n/,
    );
    expect(stdout).toMatch(/^messages +4\nunfinished turns +1\nended turns +2\n/m);
    expect(exitCode).toBe(0);
  });

  test("says the same as JSON", async () => {
    const { stdout, exitCode } = await runCli(["store", "check", file, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({
      file: expect.stringContaining("motus.sqlite"),
      damages: [],
      counts: { sessions: { idle: 1, running: 1 }, messages: 4, ended_turns: 2, undelivered_webhooks: 0 },
    });
    expect(exitCode).toBe(0);
  });

  test("ends with 1 for a file that is damaged, and says how", async () => {
    const path = await damagedFile();
    const before = readFileSync(path);
    const { stdout, stderr, exitCode } = await runCli(["store", "check", path]);
    expect(stdout).toContain("no: restore a backup");
    expect(stderr).toStartWith("Damaged: ");
    expect(exitCode).toBe(1);
    expect(readFileSync(path)).toEqual(before);
  });

  test.each([
    ["none.sqlite", "there is no such file"],
    ["diary.txt", "it is no SQLite database"],
  ])("ends with 2 for %s", async (name, words) => {
    writeFileSync(`${folder.path}/diary.txt`, "my diary\n".repeat(1_000));
    for (const command of ["check", "export"]) {
      const { stdout, stderr, exitCode } = await runCli(["store", command, `${folder.path}/${name}`]);
      expect(stderr).toStartWith("Error: Cannot use ");
      expect(stderr).toContain(words);
      expect([stdout, exitCode]).toEqual(["", 2]);
    }
  });
});

describe("motus store export", () => {
  test("prints each session in a line, with its messages and turns", async () => {
    const { stdout, stderr, exitCode } = await runCli(["store", "export", file]);
    expect([stderr, exitCode]).toEqual(["", 0]);
    const lines = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    const [first, second] = lines;
    const { body: session } = await server.request("GET", `/sessions/${done}`);
    const { body: messages } = await server.request("GET", `/sessions/${done}/messages`);
    const { body: turns } = await server.request("GET", `/sessions/${done}/turns`);
    expect(first).toEqual({
      ...session,
      messages,
      turns: turns.map((turn: object) => ({ ...turn, logs: expect.any(Object) })),
    });
    expect(first.turns[1].logs.stdout.entries[0].text).toBe("to stdout\n");
    expect(second).toMatchObject({ session_id: running, status: "running", messages: [], turns: [] });
    expect(lines).toHaveLength(2);
  });

  test("prints what can be read of a damaged file, says so and ends with 1", async () => {
    const { stderr, exitCode } = await runCli(["store", "export", await damagedFile()]);
    expect(stderr).toStartWith("Error: Cannot export ");
    expect(stderr).toContain("it is damaged");
    expect(exitCode).toBe(1);
  });
});
