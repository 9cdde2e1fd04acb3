import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";
import { runCli } from "./run-cli.ts";

/** Runs `motus serve …`, which must succeed, and parses what it prints. */
async function json(...parameters: string[]) {
  const { stdout, stderr, exitCode } = await runCli(["serve", ...parameters]);
  expect(stderr).toBe("");
  expect(exitCode).toBe(0);
  const value = JSON.parse(stdout);
  expect(stdout).toBe(`${JSON.stringify(value, null, 2)}\n`);
  return value;
}

describe("motus serve", () => {
  test("create, send, get, messages, sessions, health and delete print what the server answers", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const url = `${server.url}/`;
    const { session_id: id } = await json("create", url, "--metadata", '{"user": "ada"}');
    expect(await json("send", url, id, "hello")).toMatchObject({ session_id: id, status: "running" });
    const session = await json("get", url, id, "--wait");
    expect(session).toMatchObject({ session_id: id, status: "idle", metadata: { user: "ada" } });
    expect(await json("get", url, id)).toEqual(session);
    expect(await json("messages", url, id)).toEqual([{ role: "user", content: "hello" }, session.response]);
    expect(await json("sessions", url)).toMatchObject([{ session_id: id, total_messages: 2 }]);
    expect(await json("health", url)).toMatchObject({ status: "ok", total_sessions: 1 });
    expect(await json("delete", url, id)).toEqual({ deleted: id });
    expect(await json("sessions", url)).toEqual([]);
  });

  test("send --wait prints the session, with the message's role and parameters as they were given", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const id = await server.createSession();
    const parameters = [
      "depth=3",
      "rate=-0.5",
      "name=a=b",
      "code=007",
      "account=12345678901234567890",
      "none=",
    ];
    const flags = parameters.flatMap((parameter) => ["--param", parameter]);
    const { response } = await json("send", server.url, id, "hi", "--wait", "--role", "system", ...flags);
    expect(JSON.parse(response.content).params).toEqual({
      depth: 3,
      rate: -0.5,
      name: "a=b",
      code: "007",
      account: "12345678901234567890",
      none: "",
    });
    expect((await json("messages", server.url, id))[0].role).toBe("system");
  });

  test("send --wait prints a session whose turn failed, which is no failure of the command", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const id = await server.createSession();
    expect(await json("send", server.url, id, "fail", "--wait")).toMatchObject({
      status: "error",
      error: "RangeError: I was told to",
    });
  });

  test("get --wait --timeout prints a session that still runs when the time is over", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    expect(await json("send", server.url, id, gate.url, "--wait", "--timeout", "0")).toMatchObject({
      status: "running",
    });
    expect(await json("get", server.url, id, "--wait", "--timeout", "0.05")).toMatchObject({
      status: "running",
    });
  });

  test("send --webhook-url has the result posted there, with token and messages", async () => {
    const posted = Promise.withResolvers<{ token: string | null; body: unknown }>();
    await using receiver = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        posted.resolve({ token: request.headers.get("authorization"), body: await request.json() });
        return new Response();
      },
    });
    await using server = await startServer("echo.ts:agent");
    const id = await server.createSession();
    const flags = [
      "--webhook-url",
      receiver.url.href,
      "--webhook-token",
      "t0k",
      "--webhook-include-messages",
    ];
    await json("send", server.url, id, "hi", ...flags);
    expect(await posted.promise).toMatchObject({
      token: "Bearer t0k",
      body: { session_id: id, status: "idle", messages: [{ content: "hi" }, { content: "echo: hi" }] },
    });
  });

  test("send --stream prints each event of the turn as a line of JSON", async () => {
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    const { stdout, exitCode } = await runCli(["serve", "send", server.url, id, "count 2", "--stream"]);
    const events = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(events.map(({ type }) => type)).toEqual(["turn-start", "text-delta", "text-delta", "turn-end"]);
    expect(exitCode).toBe(0);
    const both = await runCli(["serve", "send", server.url, id, "x", "--stream", "--wait"]);
    expect([both.exitCode, both.stderr]).toEqual([2, expect.stringContaining("--stream")]);
  });

  test("resume, cancel and turns print what the server answers", async () => {
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    const ask = async () => {
      await json("send", server.url, id, "ask x");
      return (await json("get", server.url, id, "--wait")).interrupts[0].interrupt_id;
    };
    const answered = await json("resume", server.url, id, await ask(), '{"approved": true}');
    expect(answered).toEqual({ session_id: id, status: "running" });
    expect(await json("get", server.url, id, "--wait")).toMatchObject({
      response: { content: '{"approved":true}' },
    });
    await ask();
    expect(await json("cancel", server.url, id)).toMatchObject({ status: "idle", error: "Turn cancelled" });
    const turns = await json("turns", server.url, id);
    expect(turns.map(({ outcome }: { outcome: string }) => outcome)).toEqual(["completed", "cancelled"]);
    const unquoted = await runCli(["serve", "resume", server.url, id, "x", "yes"]);
    expect(unquoted.exitCode).toBe(2);
    expect(unquoted.stderr).toContain("a text is written with quotes: '\"yes\"'");
    const idle = await runCli(["serve", "cancel", server.url, id]);
    expect(idle).toEqual({
      stdout: "",
      stderr: "Error: Cannot cancel: no turn runs, the session is idle\n",
      exitCode: 1,
    });
  });

  test("logs prints what the last turn wrote, or the one that is named", async () => {
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    const none = await runCli(["serve", "logs", server.url, id]);
    expect([none.exitCode, none.stderr]).toEqual([
      1,
      "Error: Cannot print logs: no turn has ended in this session yet\n",
    ]);
    const turn = await server.turn(id, "write");
    expect(await runCli(["serve", "logs", server.url, id])).toEqual({
      stdout: "to stdout\n",
      stderr: "to stderr\n",
      exitCode: 0,
    });
    await server.turn(id, "all");
    const turnId = turn.turn?.turn_id ?? "";
    expect((await runCli(["serve", "logs", server.url, id])).stdout).toBe("");
    expect((await runCli(["serve", "logs", server.url, id, turnId])).stdout).toBe("to stdout\n");
    expect(await json("logs", server.url, id, turnId, "--json")).toMatchObject({
      turn_id: turnId,
      stderr: { total_bytes: 10 },
    });
    await using loud = await startServer("ends.ts:agent");
    const other = await loud.createSession();
    await loud.turn(other, "writes and returns");
    const cut = await runCli(["serve", "logs", loud.url, other]);
    expect(cut.stdout).toEndWith("the last line\n");
    expect(cut.stderr).toBe("stdout is cut: 241678 bytes before this are not kept\n");
  });

  test("prints a long answer completely into a pipe", async () => {
    await using server = await startServer("echo.ts:agent");
    const content = "x".repeat(3_000_000);
    const id = await server.createSession({ state: [{ role: "user", content }] });
    expect(await json("messages", server.url, id)).toEqual([{ role: "user", content }]);
  });

  test("sends MOTUS_TOKEN as bearer token", async () => {
    const tokens: (string | null)[] = [];
    await using server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch(request) {
        tokens.push(request.headers.get("authorization"));
        return Response.json([]);
      },
    });
    await runCli(["serve", "sessions", server.url.href], { environment: { MOTUS_TOKEN: "s3cret" } });
    await runCli(["serve", "sessions", server.url.href]);
    expect(tokens).toEqual(["Bearer s3cret", null]);
  });

  test("says what the server refused and exits with 1", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await json("send", server.url, id, gate.url);
    const busy = await runCli(["serve", "send", server.url, id, "hi"]);
    expect(busy).toEqual({ stdout: "", stderr: "Error: Session is running\n", exitCode: 1 });
    const missing = await runCli(["serve", "get", server.url, crypto.randomUUID()]);
    expect(missing).toEqual({ stdout: "", stderr: "Error: Session not found\n", exitCode: 1 });
  });

  test("says that nothing listens and exits with 1", async () => {
    const server = await startServer("echo.ts:agent");
    await server[Symbol.asyncDispose]();
    const { stdout, stderr, exitCode } = await runCli(["serve", "create", server.url]);
    expect(stdout).toBe("");
    expect(stderr).toBe(
      `Error: Cannot reach the server at ${server.url}: nothing listens there; check the URL and that the server is running\n`,
    );
    expect(exitCode).toBe(1);
  });
});
