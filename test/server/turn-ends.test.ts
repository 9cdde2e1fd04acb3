/** Every way in which a turn can end, with real workers: its own outcome, and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { isAlive } from "../helpers/processes.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("ends.ts:agent", { timeout: 20 });
});
afterAll(() => server[Symbol.asyncDispose]());

async function end(way: string) {
  const session = await server.turn(await server.createSession(), way);
  return { ...session, outcome: session.turn?.outcome };
}

describe("a turn fails when the agent", () => {
  const got = "TypeError: Agent must return a (response, state) tuple, got";
  for (const [way, error] of [
    ["throws an error", "AgentProblem: no luck"],
    ["rejects later", "TypeError: later"],
    ["throws undefined", "Error: Agent threw undefined"],
    ["throws a string", "Error: Agent threw just words"],
    ["throws a trap", "Error: Agent threw a value that cannot be described"],
    ["returns nothing", `${got} undefined`],
    ["returns null", `${got} null`],
    ["returns a string", `${got} string`],
    ["returns a function", `${got} function`],
    ["returns an object", `${got} object`],
    ["returns three", `${got} an array of 3`],
    ["returns no state", `${got} a state that is undefined`],
    ["returns a string response", `${got} a response that is string`],
    [
      "returns a bad role",
      `${got} a response that has the role "robot" instead of system, user, assistant or tool`,
    ],
    ["returns a bad message", `${got} a state whose message 0 is no message: /content expected string`],
    ["returns a cycle", "TypeError: JSON.stringify cannot serialize cyclic structures."],
    ["returns what becomes a number", `${got} a message that is 7 as JSON`],
    ["returns what becomes nothing", `${got} a message that is undefined as JSON`],
    ["returns a BigInt", "TypeError: JSON.stringify cannot serialize BigInt."],
  ] as const) {
    test(way, async () => {
      const session = await end(way);
      expect(session.error).toBe(error);
      expect(session).toMatchObject({ status: "error", outcome: "failed", response: null });
    });
  }

  test("returns more than a turn may", async () => {
    const session = await end("returns too much");
    expect(session.error).toStartWith("RangeError: Agent returned 136314");
    expect(session.outcome).toBe("failed");
  });
});

describe("a turn crashes when the worker", () => {
  const died = "Worker process exited unexpectedly";
  for (const [way, how, exit] of [
    ["exits with 0", "exit code 0", { exit_code: 0, signal: null }],
    ["exits with 3", "exit code 3", { exit_code: 3, signal: null }],
    ["throws in a timer", "exit code 1", { exit_code: 1, signal: null }],
    ["dies of SIGSEGV", "signal SIGSEGV", { exit_code: null, signal: "SIGSEGV" }],
    ["closes its channel", "channel closed", {}],
    ["closes the descriptor", "channel closed", { signal: "SIGKILL" }],
    ["writes garbage", "channel closed", { signal: "SIGKILL" }],
    ["makes the server wait for the rest of a message", "exit code 1", { exit_code: 1, signal: null }],
    ["sends a malformed end", "malformed message on its channel", { signal: "SIGKILL" }],
    ["sends a response that is no JSON", "malformed result on its channel", {}],
    ["sends a response that is no message", "malformed result on its channel", {}],
    ["sends a state that is no JSON", "malformed result on its channel", {}],
    ["keeps more than there is", "malformed result on its channel", {}],
  ] as const) {
    test(way, async () => {
      const session = await end(way);
      expect(session.error).toBe(`${died} (${how})`);
      expect(session).toMatchObject({ status: "error", outcome: "crashed", response: null, turn: exit });
    });
  }
});

describe("a turn completes when the agent", () => {
  for (const way of [
    "ok",
    "leaves timers running",
    "sends something of its own",
    "cleans up at exit",
    "hangs at exit",
  ]) {
    test(way, async () => {
      const session = await end(way);
      expect(session).toMatchObject({
        status: "idle",
        error: null,
        outcome: "completed",
        response: { content: "ok" },
      });
      expect(session.turn).toMatchObject({ exit_code: 0, signal: null });
    });
  }

  test("floods stdout, and other requests are answered meanwhile", async () => {
    const flooding = end("floods stdout");
    let answered = 0;
    const asking = (async () => {
      await until("it runs", async () => (await server.request("GET", "/health")).body.running_workers > 0);
      while ((await server.request("GET", "/health")).body.running_workers > 0) answered += 1;
    })();
    expect((await flooding).outcome).toBe("completed");
    await asking;
    expect(answered).toBeGreaterThan(3);
  });

  test("returns 50 MB of state, and gets it back", async () => {
    const id = await server.createSession();
    expect((await server.turn(id, "returns 50 MB")).turn?.outcome).toBe("completed");
    const { body } = await server.request("GET", `/sessions/${id}/messages`);
    expect(body[1].content.length).toBe(50 * 1024 * 1024);
    expect((await server.turn(id, "ok")).turn?.outcome).toBe("completed");
  });
});

describe("whatever a worker started", () => {
  test("dies with it, children that ignore signals and new process groups included", async () => {
    const session = await end("forks children");
    const pids: number[] = JSON.parse(session.response?.content ?? "[]");
    expect(pids).toHaveLength(5);
    expect(pids.every((pid) => pid > 1)).toBe(true);
    await until("the children are gone", () => pids.every((pid) => !isAlive(pid)));
  });
});

describe("timeout", () => {
  for (const way of ["never answers", "never answers and listens", "spins", "stops when told"]) {
    test(`ends a turn that ${way}`, async () => {
      await using impatient = await startServer("ends.ts:agent", { timeout: 0.1 });
      const session = await impatient.turn(await impatient.createSession(), way);
      expect(session).toMatchObject({
        status: "error",
        error: "Agent timed out",
        turn: { outcome: "timed_out" },
      });
    });
  }

  test("does not count the time in the queue", async () => {
    await using narrow = await startServer("ends.ts:agent", { timeout: 1, workers: 1 });
    const ids = await Promise.all([1, 2, 3].map(() => narrow.createSession()));
    const slow = narrow.turn(ids[0] ?? "", "never answers");
    const others = ids.slice(1).map((id) => narrow.turn(id, "ok"));
    expect((await slow).turn?.outcome).toBe("timed_out");
    for (const session of await Promise.all(others)) {
      expect(session.turn?.outcome).toBe("completed");
      expect(session.turn?.queued_ms).toBeGreaterThan(300);
    }
  });
});

describe("after all that", () => {
  test("a failed turn leaves the state as it was, and the session goes on", async () => {
    const id = await server.createSession();
    await server.turn(id, "ok");
    await server.turn(id, "throws an error");
    await server.turn(id, "exits with 3");
    expect((await server.request("GET", `/sessions/${id}/messages`)).body).toHaveLength(2);
    expect((await server.turn(id, "ok")).status).toBe("idle");
    expect((await server.request("GET", `/sessions/${id}/messages`)).body).toHaveLength(4);
  });

  test("the counts are right", async () => {
    const { body } = await server.request("GET", "/health");
    expect(body).toMatchObject({ running_workers: 0, queued_turns: 0, standby_workers: 0 });
    expect(body.total_sessions).toBe((await server.request("GET", "/sessions")).body.length);
  });

  test("the output of a worker that writes and returns is not lost", async () => {
    expect((await end("writes and returns")).outcome).toBe("completed");
  });
});
