/** Who may call a server that the command line starts, and how the commands call it. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MotusClient } from "motus-serve/client";
import { Output, runCli, startCli } from "./run-cli.ts";

async function serveStart(parameters: string[], environment: Record<string, string> = {}) {
  const child = startCli(
    ["serve", "start", "echo.ts:agent", "--port", "0", "--standby", "0", "--no-compile", ...parameters],
    environment,
  );
  const log = new Output(child.stdout);
  const [line, url] = await log.until(/^.*"url":"(http:[^"]*)".*\n/m);
  return {
    child,
    log,
    url: url as string,
    start: JSON.parse(line),
    statusOf: async (token: string) => {
      const headers = token === "" ? undefined : { authorization: `Bearer ${token}` };
      return (await fetch(`${url}/ready`, { ...(headers && { headers }) })).status;
    },
    [Symbol.asyncDispose]: () => child[Symbol.asyncDispose](),
  };
}

describe("motus serve start", () => {
  test.each(["0.0.0.0", "::", "192.0.2.1", "example.com", "0"])(
    "refuses %s without a token and exits with 2",
    async (host) => {
      const { stdout, stderr, exitCode } = await runCli([
        "serve",
        "start",
        "echo.ts:agent",
        "--port",
        "0",
        "--host",
        host,
      ]);
      expect(stderr).toMatch(
        /^Error: Cannot listen on \S+ without a token: .* --token, .* or say --insecure .*\n$/,
      );
      expect([stdout, exitCode]).toEqual(["", 2]);
    },
  );

  test("listens there with a token, and says nothing of danger", async () => {
    await using server = await serveStart(["--host", "0.0.0.0", "--token", "secret"]);
    expect(server.start).toMatchObject({ level: "info", auth: "token" });
    const url = server.url.replace("0.0.0.0", "127.0.0.1");
    expect((await fetch(`${url}/sessions`)).status).toBe(401);
    server.child.kill("SIGTERM");
    expect(await server.log.end()).not.toContain('"level":"warn"');
  });

  test("takes several tokens: in one flag, in several, or from the environment, which a flag replaces", async () => {
    await using flags = await serveStart(["--token", "a, b", "--token", "c"], {
      MOTUS_TOKEN: "from-environment",
    });
    expect(await Promise.all(["a", "b", "c", "", "a,b", "from-environment"].map(flags.statusOf))).toEqual([
      200, 200, 200, 401, 401, 401,
    ]);
    await using environment = await serveStart([], { MOTUS_TOKEN: "d,e," });
    expect(await Promise.all(["d", "e", "", "d,e"].map(environment.statusOf))).toEqual([200, 200, 401, 401]);
  });

  test("takes a token file", async () => {
    const folder = mkdtempSync(join(tmpdir(), "motus-tokens-"));
    const file = join(folder, "tokens");
    writeFileSync(file, "# people\nada-token\n");
    await using server = await serveStart(["--token-file", file]);
    expect(await Promise.all(["ada-token", "# people"].map(server.statusOf))).toEqual([200, 401]);
    rmSync(folder, { recursive: true });
  });

  test.each([
    [["--token", ""], "Cannot use a token: it is empty"],
    [["--token", "my secret"], "Cannot use a token: it takes letters, digits and signs"],
    [["--token", " , "], "Cannot use a token: it is empty"],
    [["--token-file", "/missing"], 'Cannot use the token file "/missing": ENOENT'],
    [["--jwt-jwks", "https://issuer.example/keys"], "Cannot check tokens of an issuer: "],
    [
      ["--jwt-jwks", "/missing", "--jwt-issuer", "i", "--jwt-audience", "a"],
      'Cannot use the key set "/missing": ENOENT',
    ],
    [["--rate-limit", "-1"], "It takes a number from 0 to 1000000."],
    [["--max-connections", "1.5"], "It takes a whole number from 0"],
  ])("refuses %j and exits with 2, without the secret", async (parameters, message) => {
    const { stderr, exitCode } = await runCli([
      "serve",
      "start",
      "echo.ts:agent",
      "--port",
      "0",
      ...parameters,
    ]);
    expect(stderr).toContain(message);
    expect(stderr).not.toContain("my secret");
    expect(exitCode).toBe(2);
  });

  test("passes its limits on to the server", async () => {
    await using server = await serveStart(["--rate-limit", "0.01", "--max-connections", "7"]);
    const statuses: number[] = [];
    for (let i = 0; i < 6; i++) statuses.push(await server.statusOf(""));
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  });

  test("writes no token into its log, neither ours nor what others try", async () => {
    await using server = await serveStart(["--log-level", "debug"], {
      MOTUS_TOKEN: "our-secret,other-secret",
    });
    const client = new MotusClient(server.url, { token: "our-secret" });
    const { session_id } = await client.createSession();
    await client.send(session_id, "hi");
    await client.wait(session_id);
    for (const token of ["our-secret", "tried-secret", ""]) await server.statusOf(token);
    await fetch(`${server.url}/nowhere`, { headers: { authorization: "Basic basic-secret" } });
    server.child.kill("SIGTERM");
    const log = await server.log.end();
    expect(log).toContain('"status":401');
    expect(log).not.toContain("secret");
  });

  test("keeps its tokens from its workers", async () => {
    const folder = mkdtempSync(join(tmpdir(), "motus-environment-"));
    const file = join(folder, "agent.ts");
    writeFileSync(
      file,
      "export const agent = () => [{ role: 'assistant', content: JSON.stringify([process.env, process.argv]) }, []];",
    );
    const child = startCli(
      [
        "serve",
        "start",
        `${file}:agent`,
        "--port",
        "0",
        "--standby",
        "1",
        "--no-compile",
        "--token",
        "flag-secret",
      ],
      { MOTUS_TOKEN: "environment-secret" },
    );
    await using _ = child;
    const [, url] = await new Output(child.stdout).until(/"url":"(http:[^"]*)"/);
    const client = new MotusClient(url as string, { token: "flag-secret" });
    const { session_id } = await client.createSession();
    await client.send(session_id, "hi");
    const seen = (await client.wait(session_id)).response?.content;
    expect(seen).toContain("MOTUS_TURN_ID");
    expect(seen).not.toContain("secret");
    rmSync(folder, { recursive: true });
  });
});

describe("the commands that talk to a server", () => {
  test("send the token of the environment, the first when there are several", async () => {
    await using server = await serveStart([], { MOTUS_TOKEN: "one,two" });
    for (const token of ["one", "two", "two,wrong", " one , two "]) {
      const { stdout, exitCode } = await runCli(["serve", "chat", server.url, "hello"], {
        environment: { MOTUS_TOKEN: token },
      });
      expect([token, stdout, exitCode]).toEqual([token, expect.stringContaining("echo: hello"), 0]);
    }
  });

  test("say what to do when the token is missing or wrong, and exit with 1", async () => {
    await using server = await serveStart(["--token", "right"]);
    for (const [token, message] of [
      ["", /^Error: Cannot GET \/sessions without a token: .*Authorization: Bearer.*\n$/],
      ["wrong", /^Error: Cannot accept the token: it is none of this server's\n$/],
    ] as const) {
      const { stderr, exitCode } = await runCli(["serve", "sessions", server.url], {
        environment: { MOTUS_TOKEN: token },
      });
      expect(stderr).toMatch(message);
      expect(exitCode).toBe(1);
    }
    expect((await runCli(["serve", "health", server.url])).exitCode).toBe(0);
  });
});
