import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { createGate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";
import { Output, runCli, startCli } from "./run-cli.ts";

async function sessions(server: TestServer): Promise<string[]> {
  const { body } = await server.request("GET", "/sessions");
  return body.map(({ session_id }: { session_id: string }) => session_id);
}

/** Whether a process has a handler for a signal. */
function handles(pid: number, signal: keyof typeof constants.signals): boolean {
  const [, caught] = readFileSync(`/proc/${pid}/status`, "utf8").match(/^SigCgt:\s*(\w+)$/m) ?? [];
  return ((BigInt(`0x${caught}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
}

/** What the agent cli-moody says it was told, for each of its answers. */
function told(stdout: string): unknown[] {
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

describe("motus serve chat with a message", () => {
  test("prints the answer, deletes its session and exits with 0", async () => {
    await using server = await startServer("echo.ts:agent");
    const result = await runCli(["serve", "chat", `${server.url}/`, "hello"]);
    expect(result).toEqual({ stdout: "echo: hello\n", stderr: "", exitCode: 0 });
    expect(await sessions(server)).toEqual([]);
  });

  test("prints the error of a turn that failed, deletes its session and exits with 1", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const result = await runCli(["serve", "chat", server.url, "fail"]);
    expect(result).toEqual({ stdout: "", stderr: "Error: RangeError: I was told to\n", exitCode: 1 });
    expect(await sessions(server)).toEqual([]);
  });

  test("--param gives the agent parameters", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const flags = ["--param", "depth=3", "--param", "style=short"];
    const { stdout } = await runCli(["serve", "chat", server.url, "hi", ...flags]);
    expect(told(stdout)).toEqual([{ content: "hi", params: { depth: 3, style: "short" }, said: 0 }]);
  });

  test("--keep keeps the session and says how to go on, and --session goes on in it", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const first = await runCli(["serve", "chat", server.url, "one", "--keep"]);
    const [id] = await sessions(server);
    expect(first.stderr).toBe(
      `The session is kept; go on in it with: motus serve chat ${server.url} --session ${id}\n`,
    );
    expect(told(first.stdout)).toMatchObject([{ content: "one", said: 0 }]);
    const second = await runCli(["serve", "chat", server.url, "two", "--session", id as string]);
    expect(told(second.stdout)).toMatchObject([{ content: "two", said: 1 }]);
    expect(second.stderr).toBe("");
    expect(await sessions(server)).toEqual([id as string]);
  });

  test("--session with an id that is not there is an error", async () => {
    await using server = await startServer("echo.ts:agent");
    const result = await runCli(["serve", "chat", server.url, "hi", "--session", crypto.randomUUID()]);
    expect(result).toEqual({ stdout: "", stderr: "Error: Session not found\n", exitCode: 1 });
  });
});

describe("motus serve chat --session of a session whose turn is under way", () => {
  const comesFirst = "A turn is under way in this session; it comes first.\n";

  /** A session of the agent live whose turn asks something, after a turn that has ended. */
  async function asking(server: TestServer, message: string): Promise<{ id: string; interruptId: string }> {
    const id = await server.createSession();
    await server.turn(id, "count 2");
    await server.request("POST", `/sessions/${id}/messages`, { content: message });
    const { body } = await server.request("GET", `/sessions/${id}?wait=true`);
    return { id, interruptId: body.interrupts[0].interrupt_id };
  }

  test("asks what it asks, shows the rest of it and nothing of earlier ones, and sends the message", async () => {
    await using server = await startServer("live.ts:agent");
    const { id } = await asking(server, "ask a.txt");
    const flags = ["--session", id];
    const result = await runCli(["serve", "chat", server.url, "count 1", ...flags], { stdin: "y\n" });
    expect(result).toEqual({
      stdout: 'askinganswered\n\n{"approved":true}\n0 \n\ncounted 1\n',
      stderr: `${comesFirst}May it run rm {"path":"a.txt"}?\n`,
      exitCode: 0,
    });
  });

  test("takes piped lines for answers first and for messages then", async () => {
    await using server = await startServer("live.ts:agent");
    const { id } = await asking(server, "ask-user");
    const { stdout, exitCode } = await runCli(["serve", "chat", server.url, "--session", id], {
      stdin: "2\ncount 1\n",
    });
    expect(stdout).toBe('{"Which?":"Postgres"}\n0 \n\ncounted 1\n');
    expect(exitCode).toBe(0);
  });

  test("does not ask again what was answered", async () => {
    await using server = await startServer("live.ts:agent");
    const { id, interruptId } = await asking(server, "ask-again");
    await server.request("POST", `/sessions/${id}/resume`, { interrupt_id: interruptId, value: 1 });
    await server.request("GET", `/sessions/${id}?wait=true`);
    const result = await runCli(["serve", "chat", server.url, "x", "--session", id], { stdin: "2\n" });
    expect(result).toEqual({ stdout: "[1,2]\nnothing\n", stderr: `${comesFirst}"second"\n`, exitCode: 0 });
  });

  test("asks what it asks also when what was said before is no longer held", async () => {
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    await server.turn(id, "count 20001");
    await server.request("POST", `/sessions/${id}/messages`, { content: "ask-many 2" });
    await until("both are asked", async () => {
      const { body } = await server.request("GET", `/sessions/${id}`);
      return body.interrupts?.length === 2;
    });
    const { stdout, exitCode } = await runCli(["serve", "chat", server.url, "x", "--session", id], {
      stdin: "1\n2\n",
    });
    expect(stdout).toBe("[1,2]\nnothing\n");
    expect(exitCode).toBe(0);
  });

  test("shows a turn that runs from its start, and exits with 1 when it does not succeed", async () => {
    await using gate = createGate();
    await using server = await startServer("cli-speaks.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    await using child = startCli(["serve", "chat", server.url, gate.url, "--session", id]);
    const output = new Output(child.stdout);
    await output.until(/Thinking… /);
    await server.request("POST", `/sessions/${id}/cancel`);
    gate.open();
    expect(await output.end()).toBe("Thinking… \nThinking… done\n");
    expect(await new Output(child.stderr).end()).toBe(`${comesFirst}Error: Turn cancelled\n`);
    expect(await child.exited).toBe(1);
  });

  test("SIGINT cancels it, and the message is not sent", async () => {
    await using gate = createGate();
    await using server = await startServer("cli-speaks.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await using child = startCli(["serve", "chat", server.url, gate.url, "--session", id]);
    await new Output(child.stdout).until(/Thinking… /);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    const { body } = await server.request("GET", `/sessions/${id}/turns`);
    expect(body).toMatchObject([{ outcome: "cancelled" }]);
    expect((await server.request("GET", `/sessions/${id}`)).body.status).toBe("idle");
  });
});

describe("motus serve chat with piped lines", () => {
  test("takes each line that says something as a message of one conversation", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const { stdout, stderr, exitCode } = await runCli(["serve", "chat", server.url], {
      stdin: "one\n\n  \ntwo\r\nthree",
    });
    expect(stderr).toBe("");
    expect(told(stdout)).toEqual([
      { content: "one", said: 0 },
      { content: "two", said: 1 },
      { content: "three", said: 2 },
    ]);
    expect(exitCode).toBe(0);
    expect(await sessions(server)).toEqual([]);
  });

  test("goes on after a turn that failed, and exits with 1 at the end", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const { stdout, stderr, exitCode } = await runCli(["serve", "chat", server.url], {
      stdin: "fail\ntwo\n",
    });
    expect(stderr).toBe("Error: RangeError: I was told to\n");
    expect(told(stdout)).toMatchObject([{ content: "two" }]);
    expect(exitCode).toBe(1);
  });

  test("ends when its session is gone", async () => {
    await using server = await startServer("echo.ts:agent");
    await using child = startCli(["serve", "chat", server.url]);
    child.stdin.write("one\n");
    await child.stdin.flush();
    await new Output(child.stdout).until(/echo: one/);
    await server.request("DELETE", `/sessions/${(await sessions(server))[0]}`);
    child.stdin.write("two\n");
    await child.stdin.flush();
    expect(await new Output(child.stderr).end()).toBe("Error: Session not found\n");
    expect(await child.exited).toBe(1);
  });

  test("does nothing when there is no line", async () => {
    await using server = await startServer("echo.ts:agent");
    expect(await runCli(["serve", "chat", server.url])).toEqual({ stdout: "", stderr: "", exitCode: 0 });
    expect(await sessions(server)).toEqual([]);
  });
});

describe("motus serve chat on a signal", () => {
  test.each([
    ["SIGINT", 130],
    ["SIGTERM", 143],
  ] as const)("deletes its session, turn included, and exits on %s with %d", async (signal, exitCode) => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    await using child = startCli(["serve", "chat", server.url, gate.url]);
    await gate.arrivals(1);
    child.kill(signal);
    expect(await new Output(child.stderr).end()).toBe("");
    expect(await child.exited).toBe(exitCode);
    expect(await sessions(server)).toEqual([]);
    expect((await server.request("GET", "/health")).body).toMatchObject({ running_workers: 0 });
  });

  test("deletes its session while it waits for a line", async () => {
    await using server = await startServer("echo.ts:agent");
    await using child = startCli(["serve", "chat", server.url]);
    child.stdin.write("one\n");
    await child.stdin.flush();
    await new Output(child.stdout).until(/echo: one/);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect(await sessions(server)).toEqual([]);
  });

  test("deletes a session that was only being created", async () => {
    await using server = await startServer("echo.ts:agent");
    const asked = Promise.withResolvers<void>();
    const allowed = Promise.withResolvers<void>();
    await using slow = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      async fetch(request) {
        asked.resolve();
        await allowed.promise;
        const { pathname } = new URL(request.url);
        return fetch(server.url + pathname, { method: request.method });
      },
    });
    await using child = startCli(["serve", "chat", slow.url.href]);
    await asked.promise;
    child.kill("SIGINT");
    await until("the signal has been seen", () => !handles(child.pid, "SIGINT"));
    allowed.resolve();
    expect(await child.exited).toBe(130);
    expect(await sessions(server)).toEqual([]);
  });

  test("keeps a session that it did not create, and SIGINT cancels its turn", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await using child = startCli(["serve", "chat", server.url, gate.url, "--session", id]);
    await gate.arrivals(1);
    child.kill("SIGINT");
    expect(await child.exited).toBe(130);
    expect((await server.request("GET", `/sessions/${id}?wait=true`)).body).toMatchObject({
      status: "idle",
      turn: { outcome: "cancelled" },
    });
  });

  test("keeps a session that it did not create, and after SIGTERM its turn goes on", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await using child = startCli(["serve", "chat", server.url, gate.url, "--session", id]);
    await gate.arrivals(1);
    child.kill("SIGTERM");
    expect(await child.exited).toBe(143);
    gate.open();
    expect((await server.request("GET", `/sessions/${id}?wait=true`)).body).toMatchObject({
      response: { content: "open" },
    });
  });

  test("says how to go on in a session that it keeps", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    await using child = startCli(["serve", "chat", server.url, gate.url, "--keep"]);
    await gate.arrivals(1);
    child.kill("SIGTERM");
    expect(await new Output(child.stderr).end()).toContain(`--session ${(await sessions(server))[0]}\n`);
  });
});

describe("motus serve chat", () => {
  test("prints text as it is said, before the turn has ended", async () => {
    await using gate = createGate();
    await using server = await startServer("cli-speaks.ts:agent");
    await using child = startCli(["serve", "chat", server.url, gate.url]);
    const output = new Output(child.stdout);
    await output.until(/Thinking… /);
    await gate.arrivals(1);
    expect((await server.request("GET", "/health")).body.running_workers).toBe(1);
    gate.open();
    expect(await output.end()).toBe("Thinking… done\n");
    expect(await child.exited).toBe(0);
  });

  test("prints the response after what was said on the way, when that is something else", async () => {
    await using server = await startServer("live.ts:agent");
    const result = await runCli(["serve", "chat", server.url, "count 3"]);
    expect(result).toEqual({ stdout: "0 1 2 \n\ncounted 3\n", stderr: "", exitCode: 0 });
  });

  const ask = async (message: string, stdin: string) => {
    await using server = await startServer("live.ts:agent");
    const result = await runCli(["serve", "chat", server.url, message], { stdin });
    expect(await sessions(server)).toEqual([]);
    return result;
  };

  for (const [line, answer] of [
    ["y", { approved: true }],
    ["Yes, go ahead", { approved: true, message: "go ahead" }],
    ["n", { approved: false }],
    ["", { approved: false }],
    ["no: too risky", { approved: false, message: "too risky" }],
    ["never", { approved: false, message: "never" }],
  ] as const) {
    test(`takes "${line}" for an answer to an approval`, async () => {
      const { stdout, stderr, exitCode } = await ask("ask a.txt", `${line}\n`);
      expect(stderr).toContain('May it run rm {"path":"a.txt"}?');
      expect(JSON.parse(stdout.split("\n\n").at(-1) ?? "")).toEqual(answer);
      expect(exitCode).toBe(0);
    });
  }

  for (const [line, answer] of [
    ["2", "Postgres"],
    ["something else", "something else"],
    ["7", "7"],
  ] as const) {
    test(`takes "${line}" for an answer to a question`, async () => {
      const { stdout, stderr } = await ask("ask-user", `${line}\n`);
      expect(stderr).toContain("  1. SQLite  One file\n  2. Postgres  A server\n");
      expect(JSON.parse(stdout)).toEqual({ "Which?": answer });
    });
  }

  test("takes JSON for an answer to anything else, and asks again for what is none", async () => {
    const { stdout, stderr } = await ask("ask-again", '"one"\nnot json\n{"two": 2}\n');
    expect(stderr).toContain('"first"');
    expect(stderr).toContain('a text is written with quotes, such as "not json"');
    expect(JSON.parse(stdout)).toEqual(["one", { two: 2 }]);
  });

  test("shows questions that cannot be asked as JSON", async () => {
    await using server = await startServer("cli-mischief.ts:agent");
    const result = await runCli(["serve", "chat", server.url, "nonsense"], { stdin: '{"a": 1}\n' });
    expect(JSON.parse(result.stderr)).toEqual({ type: "user_input", questions: [{ question: 1 }] });
    expect(JSON.parse(result.stdout)).toEqual({ a: 1 });
  });

  test("cancels a turn that asks when nobody can answer, and ends the line that it said", async () => {
    const { stdout, stderr, exitCode } = await ask("ask a.txt", "");
    expect(stdout).toBe("asking\n");
    expect(stderr).toEndWith("Error: Turn cancelled\n");
    expect(exitCode).toBe(1);
  });
});
