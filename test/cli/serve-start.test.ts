import { describe, expect, test } from "bun:test";
import { availableParallelism } from "node:os";
import { MotusClient } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { isAlive } from "../helpers/processes.ts";
import { startServer } from "../helpers/start-server.ts";
import { Output, runCli, startCli } from "./run-cli.ts";

/** `motus serve start` on a free port, once it says where it listens. */
async function serveStart(...parameters: string[]) {
  const child = startCli(["serve", "start", "--port", "0", "--standby", "0", ...parameters]);
  const log = new Output(child.stdout);
  const [line, url] = await log.until(/^.*"url":"(http:[^"]*)".*\n/m);
  return {
    child,
    log,
    client: new MotusClient(url as string),
    start: line,
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

/** Starts a turn that waits at the gate; the id of its session. */
async function runningTurn(client: MotusClient, gateUrl: string): Promise<string> {
  const { session_id } = await client.createSession();
  await client.send(session_id, gateUrl);
  return session_id;
}

describe("motus serve start", () => {
  test("says in JSON where it listens, what it serves and where the docs are", async () => {
    await using server = await serveStart("echo.ts:agent", "--workers", "3");
    expect(JSON.parse(server.start)).toMatchObject({
      level: "info",
      url: server.client.url,
      agent: "echo.ts:agent",
      kind: "function",
      workers: 3,
      standby: 0,
      docs: `${server.client.url}/swagger`,
      msg: `serving echo.ts:agent on ${server.client.url}`,
    });
    expect(await server.client.health()).toMatchObject({ max_workers: 3 });
  });

  test("logs for people with --log-format pretty, and nothing below --log-level", async () => {
    await using child = startCli([
      "serve",
      "start",
      "echo.ts:agent",
      "--port",
      "0",
      "--log-format",
      "pretty",
    ]);
    const log = new Output(child.stdout);
    const [start, url] = await log.until(/^\[.*\] INFO: serving echo\.ts:agent on (\S+) .*\n/m);
    expect(start).toContain(`"workers":${4 * availableParallelism()}`);
    await new MotusClient(url as string).health();
    await log.until(/INFO: request .*"path":"\/health"/);

    await using quiet = startCli([
      "serve",
      "start",
      "echo.ts:agent",
      "--port",
      "0",
      "--host",
      "0.0.0.0",
      "--insecure",
      "--log-level",
      "warning",
    ]);
    const [first] = await new Output(quiet.stdout).until(/^.*\n/);
    expect(JSON.parse(first)).toMatchObject({
      level: "warn",
      host: "0.0.0.0",
      msg: expect.stringContaining("no token is asked for, as --insecure says"),
    });
  });

  test("passes its flags on to the server", async () => {
    const origin = ["https://a.example", "https://b.example"];
    await using server = await serveStart(
      "echo.ts:agent",
      "--allow-custom-ids",
      "--max-sessions=1",
      "--max-body-bytes=100",
      "--cors-origin",
      origin[0] as string,
      "--cors-origin",
      origin[1] as string,
    );
    const { client } = server;
    await expect(client.createSession({ metadata: { long: "x".repeat(100) } })).rejects.toMatchObject({
      code: "body_too_large",
    });
    await client.createSession({ sessionId: crypto.randomUUID() });
    await expect(client.createSession()).rejects.toMatchObject({ code: "session_limit_reached" });
    for (const one of origin) {
      const response = await fetch(`${client.url}/health`, { headers: { origin: one } });
      expect(response.headers.get("access-control-allow-origin")).toBe(one);
    }
  });

  test.each(["SIGTERM", "SIGINT"] as const)(
    "lets a running turn end on %s and exits with 0",
    async (signal) => {
      await using gate = createGate();
      await using server = await serveStart("waits.ts:agent");
      const { child, log, client } = server;
      const { session_id: other } = await client.createSession();
      const waiting = client.wait(await runningTurn(client, gate.url));
      await gate.arrivals(1);
      child.kill(signal);
      await log.until(/"draining: /);
      await expect(client.send(other, "x")).rejects.toMatchObject({
        code: "shutting_down",
      });
      gate.open();
      expect(await waiting).toMatchObject({ status: "idle", response: { content: "open" } });
      expect(await log.end()).toMatch(/"msg":"stopped"\}\n$/);
      expect(await child.exited).toBe(0);
    },
  );

  test("cancels running turns on a second signal and exits with 0", async () => {
    await using gate = createGate();
    await using server = await serveStart("waits.ts:agent", "--shutdown-timeout", "1000000");
    const { child, log, client } = server;
    const waiting = client.wait(await runningTurn(client, gate.url));
    await gate.arrivals(1);
    child.kill("SIGINT");
    await log.until(/"draining: /);
    child.kill("SIGTERM");
    expect(await waiting).toMatchObject({ error: "Turn cancelled" });
    await log.until(/"stopping now: /);
    expect(await child.exited).toBe(0);
    expect(isAlive(child.pid)).toBe(false);
  });

  test("exits with 0 when the signal comes while the agent is still loading", async () => {
    await using gate = createGate();
    await using child = startCli(["serve", "start", "cli-loads-slowly.ts:agent", "--port", "0"], {
      GATE: gate.url,
    });
    await gate.arrivals(1);
    child.kill("SIGTERM");
    expect(await new Output(child.stderr).end()).toBe("");
    expect(await child.exited).toBe(0);
  });

  test.each(["json", "pretty"])("goes on when nobody reads its log in %s any more", async (format) => {
    await using child = startCli(["serve", "start", "echo.ts:agent", "--port", "0", "--log-format", format]);
    const log = new Output(child.stdout);
    const [, url] = await log.until(/"url":"(http:[^"]*)".*\n/);
    await log.cancel();
    const client = new MotusClient(url as string);
    for (let count = 0; count < 3; count += 1) await client.health();
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
  });

  test.each([
    ["missing.ts:agent", /^Error: Cannot find the agent's module "missing\.ts": .*\n$/],
    [
      "echo.ts:agnt",
      /^Error: Cannot serve "echo\.ts:agnt": .*echo\.ts has no export "agnt", it exports agent\n$/,
    ],
    [
      "cli-moody.ts:notAnAgent",
      /^Error: Cannot serve "cli-moody\.ts:notAnAgent": an agent is a function, .*\n$/,
    ],
    ["import-throws.ts:agent", /^Error: Cannot import the agent .*RangeError: broken at import\n$/],
    ["", /^Error: Cannot read the agent's import path "": .*\n$/],
  ])("says why it cannot serve %j and exits with 2", async (agent, message) => {
    const { stderr, exitCode } = await runCli(["serve", "start", agent, "--port", "0"]);
    expect(stderr).toMatch(message);
    expect(exitCode).toBe(2);
  });

  test("says that the port is in use and exits with 2", async () => {
    await using server = await startServer("echo.ts:agent");
    const { port } = new URL(server.url);
    const { stderr, exitCode } = await runCli(["serve", "start", "echo.ts:agent", "--port", port]);
    expect(stderr).toBe(
      `Error: Cannot listen on 127.0.0.1:${port}: the port is in use; stop what uses it or choose another with --port\n`,
    );
    expect(exitCode).toBe(2);
  });

  test("says that a CORS origin is none and exits with 2", async () => {
    const { stderr, exitCode } = await runCli([
      "serve",
      "start",
      "echo.ts:agent",
      "--cors-origin",
      "example",
    ]);
    expect(stderr).toMatch(/^Error: Cannot use "example" as a CORS origin: .*\n$/);
    expect(exitCode).toBe(2);
  });
});
