/** Who gets in with which token, and what the others are told. */
import { afterAll, afterEach, beforeAll, describe, expect, setSystemTime, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MotusClient } from "motus-serve/client";
import { createGate } from "../../helpers/gate.ts";
import { startServer, type TestServer } from "../../helpers/start-server.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const nowhere = "00000000-0000-4000-8000-000000000000";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("echo.ts:agent", { tokens: ["first-token", "second+token/=~._-"] });
});
afterAll(() => server[Symbol.asyncDispose]());
afterEach(() => void setSystemTime());

describe("a server with tokens", () => {
  test("answers whoever shows one of them, in any spelling of Bearer", async () => {
    for (const authorization of [
      "Bearer first-token",
      "bearer second+token/=~._-",
      "BEARER   first-token  ",
    ]) {
      const { status } = await server.request("GET", "/sessions", undefined, { authorization });
      expect([authorization, status]).toEqual([authorization, 200]);
    }
  });

  test("asks for one on every route but /health, before it looks at anything else", async () => {
    const routes = server.server.app.routes.map(({ method, path }) => ({
      method,
      path: path.replace(/:\w+/g, nowhere),
    }));
    expect(routes.length).toBeGreaterThan(15);
    for (const { method, path } of [
      ...routes,
      { method: "GET", path: "/nowhere" },
      { method: "OPTIONS", path: "/sessions" },
      { method: "DELETE", path: "/health" },
      { method: "GET", path: "/health/../sessions" },
    ]) {
      const { status, body, headers } = await server.request(method, path);
      const name = `${method} ${path}`;
      if (path === "/health") {
        expect([name, status]).toEqual([name, method === "GET" ? 200 : 405]);
        continue;
      }
      expect([name, status, headers.get("www-authenticate")]).toEqual([name, 401, "Bearer"]);
      expect(body).toMatchObject({
        code: "token_missing",
        detail: expect.stringContaining("Authorization: Bearer"),
      });
    }
  });

  test("takes no other spelling of a path for /health", async () => {
    const { port } = new URL(server.url);
    const paths = ["/health/../sessions", "//health", "/%68ealth", "/health/", "/HEALTH"];
    for (const path of [...paths, "/sessions?/health", "http://127.0.0.1/sessions"]) {
      const answer = Promise.withResolvers<string>();
      const socket = connect(Number(port), "127.0.0.1", () =>
        socket.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`),
      );
      socket.once("data", (bytes) => answer.resolve(bytes.toString().slice(0, 12)));
      socket.once("error", answer.reject);
      expect([path, await answer.promise]).toEqual([path, "HTTP/1.1 401"]);
      socket.destroy();
    }
  });

  test("refuses a body that nobody may send without reading it", async () => {
    const { status } = await server.request("POST", "/sessions", "{", bearer("wrong"));
    expect(status).toBe(401);
  });

  test.each([
    "wrong",
    "first-tokem",
    "first-token2",
    "first-toke",
    "FIRST-TOKEN",
    "first-token,second+token/=~._-",
    "a.b.c",
  ])("refuses %s and says what is wrong, without the token", async (token) => {
    const { status, body, headers } = await server.request("GET", "/sessions", undefined, bearer(token));
    expect([status, body.code]).toEqual([401, "token_invalid"]);
    expect(headers.get("www-authenticate")).toBe('Bearer error="invalid_token"');
    expect(headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.stringify(body)).not.toContain(token);
  });

  test.each(["Basic first-token", "first-token", "Bearer", "Bearer ", "Bearer first-token extra"])(
    "asks for a bearer token when it gets %j",
    async (authorization) => {
      const { status, body } = await server.request("GET", "/sessions", undefined, { authorization });
      expect([status, body.code]).toEqual([401, "token_missing"]);
    },
  );

  test("takes no token from the query, where logs would keep it", async () => {
    expect((await server.request("GET", "/sessions?access_token=first-token&token=first-token")).status).toBe(
      401,
    );
  });

  test("shows a browser a page that says how, and loads nothing", async () => {
    for (const path of ["/swagger", "/", "/playground"]) {
      const accept = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };
      const { status, headers, body } = await server.request("GET", path, undefined, accept);
      expect([status, headers.get("content-type")]).toEqual([401, "text/html; charset=utf-8"]);
      expect(headers.get("www-authenticate")).toBe("Bearer");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
      expect(body).toContain(
        `curl -H 'Authorization: Bearer &lt;token&gt;' ${server.url}/swagger/json -o motus.json`,
      );
    }
    expect((await server.request("GET", "/swagger", undefined, bearer("first-token"))).status).toBe(200);
  });

  test("says in its OpenAPI document that it wants one, and for what not", async () => {
    const { body } = await server.request("GET", "/swagger/json", undefined, bearer("first-token"));
    expect(body.security).toEqual([{ bearer: [] }]);
    expect(body.components.securitySchemes.bearer).toMatchObject({ type: "http", scheme: "bearer" });
    expect(body.paths["/health"].get.security).toEqual([]);
  });

  test("shows all of them all sessions", async () => {
    const made = await server.request("POST", "/sessions", {}, bearer("first-token"));
    const path = `/sessions/${made.body.session_id}`;
    expect((await server.request("GET", path, undefined, bearer("second+token/=~._-"))).status).toBe(200);
  });

  test("is served by the client with its token: turns, waits and streams", async () => {
    const client = new MotusClient(server.url, { token: "first-token" });
    const { session_id } = await client.createSession();
    const events: string[] = [];
    for await (const event of client.stream(session_id, "hi")) events.push(event.type);
    expect(events).toEqual(["turn-start", "turn-end"]);
    await client.send(session_id, "again");
    expect((await client.wait(session_id)).response?.content).toBe("echo: again");
    await expect(new MotusClient(server.url).getSession(session_id)).rejects.toMatchObject({
      code: "token_missing",
      status: 401,
    });
  });

  test("guards server.app.handle() as well", async () => {
    const url = "http://localhost/sessions";
    expect((await server.server.app.handle(new Request(url))).status).toBe(401);
    const allowed = new Request(url, { headers: bearer("first-token") });
    expect((await server.server.app.handle(allowed)).status).toBe(200);
  });

  test("still refuses names that lead here and pages that were not invited", async () => {
    const { status, body } = await server.request(
      "POST",
      "/sessions",
      {},
      {
        ...bearer("first-token"),
        origin: "https://evil.example",
      },
    );
    expect([status, body.code]).toEqual([403, "origin_forbidden"]);
  });

  test("lets an invited page ask before, and read why it was refused", async () => {
    const origin = "https://app.example";
    await using open = await startServer("echo.ts:agent", { tokens: ["t"], corsOrigins: [origin] });
    const preflight = await fetch(`${open.url}/sessions`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-headers")).toContain("Authorization");
    const refused = await open.request("POST", "/sessions", {}, { origin });
    expect(refused.status).toBe(401);
    expect(refused.headers.get("access-control-allow-origin")).toBe(origin);
    expect(refused.headers.get("access-control-expose-headers")).toContain("WWW-Authenticate");
    expect((await open.request("POST", "/sessions", {}, { origin, ...bearer("t") })).status).toBe(201);
  });
});

describe("a server without tokens", () => {
  test("asks for none and minds none", async () => {
    await using open = await startServer("echo.ts:agent");
    expect((await open.request("GET", "/sessions", undefined, bearer("any"))).status).toBe(200);
    expect((await open.request("GET", "/swagger/json")).body.security).toEqual([]);
  });
});

describe("a token file", () => {
  const folder = mkdtempSync(join(tmpdir(), "motus-tokens-"));
  const file = join(folder, "tokens");
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Lets the second pass after which a file is looked at again. */
  const later = () => setSystemTime(Date.now() + 2_000);
  const statusOf = async (to: TestServer, token: string) =>
    (await to.request("GET", "/ready", undefined, bearer(token))).status;
  const logs = () => {
    const errors: object[] = [];
    const lines: unknown[] = [];
    const keep = (fields: object, message: string) => void lines.push(JSON.stringify([fields, message]));
    const logger = {
      debug: keep,
      info: keep,
      warn: keep,
      error: (fields: object) => void errors.push(fields),
    };
    return { logger, errors, lines };
  };

  test("has a token a line, and comments", async () => {
    writeFileSync(file, "# ours\nalpha\r\n\n  beta,with-comma  \n# gamma\n");
    await using own = await startServer("echo.ts:agent", { tokenFile: file, tokens: ["given"] });
    expect(
      await Promise.all(
        ["alpha", "beta,with-comma", "given", "gamma", "#", "# gamma"].map((token) => statusOf(own, token)),
      ),
    ).toEqual([200, 200, 200, 401, 401, 401]);
  });

  test("counts as it is now, however it was replaced", async () => {
    writeFileSync(file, "old\n");
    await using own = await startServer("echo.ts:agent", { tokenFile: file });
    writeFileSync(`${file}.new`, "new\n");
    renameSync(`${file}.new`, file);
    later();
    expect([await statusOf(own, "old"), await statusOf(own, "new")]).toEqual([401, 200]);
    writeFileSync(file, "newest\n");
    later();
    expect([await statusOf(own, "new"), await statusOf(own, "newest")]).toEqual([401, 200]);
  });

  test("that is emptied takes its tokens back, and never opens the server", async () => {
    writeFileSync(file, "old\n");
    await using own = await startServer("echo.ts:agent", { tokenFile: file });
    writeFileSync(file, "");
    later();
    expect(await statusOf(own, "old")).toBe(401);
    expect((await own.request("GET", "/sessions")).status).toBe(401);
  });

  test("that is gone or makes no sense counts as it was, and the log says so once, without tokens", async () => {
    writeFileSync(file, "secret-one\n");
    const { logger, errors, lines } = logs();
    await using own = await startServer("echo.ts:agent", { tokenFile: file, logger });
    rmSync(file);
    for (let i = 0; i < 3; i++) {
      later();
      expect(await statusOf(own, "secret-one")).toBe(200);
    }
    expect(errors).toEqual([{ path: file, error: expect.stringContaining("ENOENT") }]);
    writeFileSync(file, "secret-one\nnot a token\n");
    later();
    expect([await statusOf(own, "secret-one"), await statusOf(own, "wrong-secret")]).toEqual([200, 401]);
    expect(errors[1]).toMatchObject({ error: expect.stringMatching(/^line 2 is no token/) });
    expect(JSON.stringify([errors, lines])).not.toMatch(/secret|not a token/);
  });

  test.each([
    ["", "it has no token in it"],
    ["# nothing\n", "it has no token in it"],
    ["fine\nwith space\n", "line 2 is no token"],
  ])("of %j is refused at start", async (text, reason) => {
    writeFileSync(file, text);
    await expect(startServer("echo.ts:agent", { tokenFile: file })).rejects.toMatchObject({
      code: "option_invalid",
      message: expect.stringContaining(reason),
    });
  });

  test("that is not there is refused at start", async () => {
    await expect(startServer("echo.ts:agent", { tokenFile: join(folder, "missing") })).rejects.toMatchObject({
      code: "option_invalid",
      message: expect.stringMatching(/^Cannot use the token file ".*missing": ENOENT/),
    });
  });
});

test("no request waits for another one's token", async () => {
  await using gate = createGate();
  await using own = await startServer("waits.ts:agent", { tokens: ["t"] });
  const client = new MotusClient(own.url, { token: "t" });
  const { session_id } = await client.createSession();
  await client.send(session_id, gate.url);
  await gate.arrivals(1);
  expect((await own.request("GET", "/sessions")).status).toBe(401);
  gate.open();
  expect((await client.wait(session_id)).status).toBe("idle");
});
