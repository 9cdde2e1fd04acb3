/** What the server says to requests, good and bad; statuses, headers and problem documents. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("echo.ts:agent", { allowCustomIds: true, maxBodyBytes: 10_000 });
});
afterAll(() => server[Symbol.asyncDispose]());

const uuid = /^[0-9a-f-]{36}$/;
const nowhere = "00000000-0000-4000-8000-000000000000";

/** Writes bytes to the server and returns all that it answers until it closes. */
async function raw(lines: string[], url = server.url): Promise<string> {
  const { port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let answer = "";
  const socket = connect(Number(port), "127.0.0.1", () => socket.write(lines.join("\r\n")));
  socket.on("data", (chunk) => {
    answer += chunk.toString();
    if (answer.includes('"code"')) socket.end();
  });
  socket.on("close", () => resolve(answer));
  socket.on("error", reject);
  return promise;
}

describe("POST /sessions", () => {
  test("makes a session, with and without a body, and says where it is", async () => {
    for (const body of [
      undefined,
      {},
      { metadata: { user: "ada" } },
      { state: [{ role: "user", content: "hi" }] },
    ]) {
      const answer = await server.request("POST", "/sessions", body);
      expect(answer.status).toBe(201);
      expect(answer.headers.get("location")).toBe(`/sessions/${answer.body.session_id}`);
      expect(answer.body).toEqual({
        session_id: expect.stringMatching(uuid),
        status: "idle",
        response: null,
        error: null,
        interrupts: null,
        turn: null,
        metadata: body?.metadata ?? {},
        created_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        updated_at: answer.body.created_at,
      });
      expect((await server.request("GET", `/sessions/${answer.body.session_id}/messages`)).body).toEqual(
        body?.state ?? [],
      );
    }
  });

  test("takes null for a field without a value", async () => {
    expect((await server.request("POST", "/sessions", { state: null, metadata: null })).status).toBe(201);
  });
});

describe("PUT /sessions/{id}", () => {
  test("makes a session under an id of the client's", async () => {
    const id = crypto.randomUUID();
    const answer = await server.request("PUT", `/sessions/${id}`, {
      state: [{ role: "user", content: "hi" }],
    });
    expect([answer.status, answer.body.session_id, answer.headers.get("location")]).toEqual([
      201,
      id,
      `/sessions/${id}`,
    ]);
    const again = await server.request("PUT", `/sessions/${id}`);
    expect(again.body).toMatchObject({
      status: 409,
      code: "session_exists",
      detail: "Session already exists",
    });
  });

  test("refuses what is no UUID", async () => {
    for (const id of ["abc", "123", `${nowhere}0`]) {
      const { body } = await server.request("PUT", `/sessions/${id}`);
      expect(body).toMatchObject({
        status: 400,
        code: "session_id_invalid",
        detail: "Session ID must be a valid UUID",
      });
    }
  });

  test("is refused with 405 and Allow unless the server permits it", async () => {
    await using closed = await startServer("echo.ts:agent");
    const answer = await closed.request("PUT", `/sessions/${nowhere}`);
    expect(answer.body).toMatchObject({
      status: 405,
      code: "custom_ids_disabled",
      detail: "Custom session IDs are not enabled",
    });
    expect(answer.headers.get("allow")).toBe("GET, HEAD, PATCH, DELETE");
  });
});

describe("GET /sessions", () => {
  test("pages through all sessions by its Link header, and filters", async () => {
    await using own = await startServer("echo.ts:agent");
    const ids: string[] = [];
    for (let i = 0; i < 7; i++) ids.push(await own.createSession({ metadata: { i } }));
    await own.turn(ids[2] as string, "hi");
    const all = await own.request("GET", "/sessions");
    expect(all.body.map((session: { session_id: string }) => session.session_id)).toEqual(ids);
    expect(all.headers.get("link")).toBeNull();
    expect(all.body[2]).toEqual({
      session_id: ids[2],
      total_messages: 2,
      status: "idle",
      created_at: expect.any(String),
      updated_at: expect.any(String),
      metadata: { i: 2 },
    });

    const seen: string[] = [];
    let pages = 0;
    for (let next: string | undefined = "/sessions?limit=3&status=idle"; next !== undefined; pages++) {
      const page = await own.request("GET", next);
      seen.push(...page.body.map((session: { session_id: string }) => session.session_id));
      next = /^<(.+)>; rel="next"$/.exec(page.headers.get("link") ?? "")?.[1];
    }
    expect(seen).toEqual(ids);
    expect(pages).toBe(3);
    expect((await own.request("GET", "/sessions?status=error")).body).toEqual([]);
  });

  for (const [query, field] of [
    ["limit=0", "/limit"],
    ["limit=x", "/limit"],
    ["limit=1001", "/limit"],
    ["after=-1", "/after"],
    ["status=busy", "/status"],
    ["foo=1", "/foo"],
  ] as const) {
    test(`refuses ?${query}`, async () => {
      const { body } = await server.request("GET", `/sessions?${query}`);
      expect(body).toMatchObject({ status: 422, code: "validation_failed", errors: [{ field }] });
    });
  }
});

describe("GET and PATCH /sessions/{id}", () => {
  test("replace the metadata and show it", async () => {
    const id = await server.createSession({ metadata: { a: 1 } });
    const changed = await server.request("PATCH", `/sessions/${id}`, { metadata: { b: { c: [2] } } });
    expect(changed.body).toMatchObject({ session_id: id, metadata: { b: { c: [2] } } });
    expect((await server.request("GET", `/sessions/${id}`)).body).toEqual(changed.body);
  });

  test("take wait as Python's clients write it", async () => {
    const id = await server.createSession();
    for (const wait of ["true", "True", "1", "false", "False", "0"]) {
      expect((await server.request("GET", `/sessions/${id}?wait=${wait}`)).status).toBe(200);
    }
    const { body } = await server.request("GET", `/sessions/${id}?wait=maybe`);
    expect(body.detail).toBe("The query does not fit: /wait must be true or false");
  });

  test("refuse a query that does not fit", async () => {
    const id = await server.createSession();
    for (const [query, field] of [
      ["wait=maybe", "/wait"],
      ["wait=true&timeout=-1", "/timeout"],
      ["timeout=soon", "/timeout"],
    ]) {
      const { body } = await server.request("GET", `/sessions/${id}?${query}`);
      expect(body).toMatchObject({ status: 422, errors: [{ field: field as string }] });
    }
  });

  test("HEAD answers like GET, without a body", async () => {
    const id = await server.createSession();
    const answer = await fetch(`${server.url}/sessions/${id}`, { method: "HEAD" });
    expect([answer.status, await answer.text()]).toEqual([200, ""]);
  });
});

describe("POST /sessions/{id}/messages", () => {
  test("accepts a message and says which turn it started", async () => {
    const id = await server.createSession();
    const sent = await server.request("POST", `/sessions/${id}/messages`, { content: "hi" });
    expect(sent.status).toBe(202);
    expect(sent.headers.get("location")).toBe(`/sessions/${id}`);
    expect(sent.body).toEqual({ session_id: id, status: "running", turn_id: expect.stringMatching(uuid) });
    const { body } = await server.request("GET", `/sessions/${id}?wait=true`);
    expect(body).toMatchObject({
      status: "idle",
      response: { role: "assistant", content: "echo: hi" },
      error: null,
    });
    expect(body.turn).toEqual({
      turn_id: sent.body.turn_id,
      outcome: "completed",
      queued_ms: expect.any(Number),
      duration_ms: expect.any(Number),
      cpu_ms: expect.any(Number),
      max_rss_bytes: expect.any(Number),
      exit_code: 0,
      signal: null,
      usage: null,
      started_at: expect.any(String),
      ended_at: expect.any(String),
    });
  });

  test("takes every field of a message, and null for one without a value", async () => {
    const id = await server.createSession();
    const message = {
      role: "tool",
      content: "42",
      tool_call_id: "c1",
      name: "add",
      tool_calls: [{ id: "c1", type: "function", function: { name: "add", arguments: "{}" } }],
      reasoning: "because",
      reasoning_details: [{ any: "thing" }],
      base64_image: "aGk=",
      user_params: { n: 1, deep: { list: [null] } },
    };
    await server.request("POST", `/sessions/${id}/messages`, { ...message, webhook: null });
    await server.request("GET", `/sessions/${id}?wait=true`);
    expect((await server.request("GET", `/sessions/${id}/messages`)).body[0]).toEqual(message);
    const sparse = await server.request("POST", `/sessions/${id}/messages`, {
      content: "x",
      name: null,
      webhook: { url: "http://127.0.0.1:1", token: null },
    });
    expect(sparse.status).toBe(202);
    await server.request("GET", `/sessions/${id}?wait=true`);
  });

  for (const [what, body, field] of [
    ["an unknown field", { content: "x", colour: "red" }, "/colour"],
    ["a wrong role", { content: "x", role: "robot" }, "/role"],
    ["a wrong type", { content: 5 }, "/content"],
    [
      "a wrong type deep inside",
      { tool_calls: [{ id: 1, type: "function", function: { name: "a", arguments: "" } }] },
      "/tool_calls/0/id",
    ],
    [
      "an unknown field of the webhook",
      { content: "x", webhook: { url: "http://a", foo: 1 } },
      "/webhook/foo",
    ],
    ["a webhook without its URL", { content: "x", webhook: {} }, "/webhook/url"],
    ["a list", [], "/"],
    ["null", "null", "/"],
    ["a text", '"hi"', "/"],
  ] as const) {
    test(`refuses ${what} with 422 and names it`, async () => {
      const id = await server.createSession();
      const {
        status,
        headers,
        body: problem,
      } = await server.request("POST", `/sessions/${id}/messages`, body);
      expect(status).toBe(422);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(problem).toMatchObject({ type: "about:blank", status: 422, code: "validation_failed" });
      expect(problem.errors.map((error: { field: string }) => error.field)).toContain(field);
      expect(problem.detail).toContain(field);
      expect((await server.request("GET", `/sessions/${id}`)).body.status).toBe("idle");
    });
  }

  test("refuses no body with 422", async () => {
    const { body } = await server.request("POST", `/sessions/${await server.createSession()}/messages`);
    expect(body).toMatchObject({ status: 422, code: "validation_failed" });
  });
});

describe("a session that is not there", () => {
  for (const [method, path, body] of [
    ["GET", `/sessions/${nowhere}`, undefined],
    ["GET", `/sessions/${nowhere}?wait=true`, undefined],
    ["PATCH", `/sessions/${nowhere}`, { metadata: {} }],
    ["DELETE", `/sessions/${nowhere}`, undefined],
    ["GET", `/sessions/${nowhere}/messages`, undefined],
    ["POST", `/sessions/${nowhere}/messages`, { content: "hi" }],
    ["GET", "/sessions/not-a-uuid", undefined],
  ] as const) {
    test(`is 404 for ${method} ${path}`, async () => {
      const { status, headers, body: problem } = await server.request(method, path, body);
      expect(status).toBe(404);
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(problem).toEqual({
        type: "about:blank",
        title: "There is no such session",
        status: 404,
        detail: "Session not found",
        code: "session_not_found",
      });
    });
  }
});

describe("routes and methods", () => {
  test("a request that names no host is answered", async () => {
    expect(await raw(["GET /nowhere HTTP/1.0", "", ""])).toContain("Cannot find /nowhere");
    expect(await raw(["GET /sessions/x?wait=true HTTP/1.0", "", ""])).toContain("session_not_found");
    const health = await raw(["GET /health HTTP/1.0", "", ""]);
    expect(health).toStartWith("HTTP/1.1 200");
  });

  test("a short host name is as good as a long one", async () => {
    await using open = await startServer("echo.ts:agent", { corsOrigins: ["*"] });
    for (const host of ["x", "api", "api:80"]) {
      const answer = await raw(["GET /nowhere HTTP/1.1", `Host: ${host}`, "", ""], open.url);
      expect(answer).toContain("Cannot find /nowhere");
    }
  });

  test("an unknown path is 404", async () => {
    for (const path of ["/", "/session", "/sessions/a/b/c", "/%zz", "/sessions//messages"]) {
      expect((await server.request("GET", path)).body).toMatchObject({ status: 404 });
    }
  });

  for (const [method, path, allow] of [
    ["DELETE", "/sessions", "POST, GET, HEAD"],
    ["POST", "/health", "GET, HEAD"],
    ["PUT", `/sessions/${nowhere}/messages`, "GET, POST, HEAD"],
    ["OPTIONS", "/ready", "GET, HEAD"],
    ["POST", `/sessions/${nowhere}`, "PUT, GET, PATCH, DELETE, HEAD"],
  ] as const) {
    test(`${method} ${path} is 405 with what is allowed`, async () => {
      const answer = await server.request(method, path);
      expect(answer.body).toMatchObject({ status: 405, code: "method_not_allowed" });
      expect(answer.headers.get("allow")?.split(", ").sort()).toEqual(allow.split(", ").sort());
    });
  }

  test("GET /health and /ready tell how the server is", async () => {
    const { version } = await Bun.file("package.json").json();
    expect((await server.request("GET", "/health")).body).toEqual({
      status: "ok",
      max_workers: expect.any(Number),
      running_workers: expect.any(Number),
      standby_workers: expect.any(Number),
      queued_turns: 0,
      interrupted_turns: 0,
      total_sessions: expect.any(Number),
      version,
    });
    expect((await server.request("GET", "/ready")).body).toEqual({ status: "ready" });
  });
});

describe("bodies", () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    server.request("POST", "/sessions", body, headers);

  test("that are not JSON are 400", async () => {
    for (const body of ["{", "hello", "{'a':1}", "\u0000"]) {
      expect((await post(body)).body).toMatchObject({ status: 400, code: "body_not_json" });
    }
  });

  test("of another type are 415, forms of web pages among them", async () => {
    for (const type of [
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "text/plain",
      "",
    ]) {
      const { body } = await post('{"metadata":{}}', { "content-type": type });
      expect(body).toMatchObject({ status: 415, code: "unsupported_media_type" });
    }
  });

  test("of web pages' forms are 415 even when they are empty", async () => {
    const answer = await fetch(`${server.url}/sessions`, {
      method: "POST",
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
    expect(answer.status).toBe(415);
  });

  test("may say more in their content type", async () => {
    for (const type of ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"]) {
      expect((await post("{}", { "content-type": type })).status).toBe(201);
    }
  });

  test("that are too long are 413, whether or not they say how long they are", async () => {
    const long = JSON.stringify({ metadata: { text: "x".repeat(10_000) } });
    expect((await post(long)).body).toMatchObject({ status: 413, code: "body_too_large" });
    const stream = new Response(long).body as ReadableStream;
    const answer = await fetch(`${server.url}/sessions`, {
      method: "POST",
      body: stream,
      headers: { "content-type": "application/json" },
    });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([
      413,
      "body_too_large",
    ]);
    const fits = JSON.stringify({ metadata: { text: "x".repeat(9_000) } });
    expect((await post(fits)).status).toBe(201);
  });

  test("that end too early are 400, and no failure of the server", async () => {
    const half = [
      "POST /sessions HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Content-Length: 100",
      "",
      "{",
    ];
    const errors: string[] = [];
    const logger = {
      debug() {},
      info() {},
      warn() {},
      error: (_: object, message: string) => errors.push(message),
    };
    await using own = await startServer("echo.ts:agent", { logger });
    const requests: object[] = [];
    logger.info = ((fields: object, message: string) =>
      message === "request" && requests.push(fields)) as never;
    const socket = connect(Number(new URL(own.url).port), "127.0.0.1", () => socket.end(half.join("\r\n")));
    await until("the request is over", () => requests.length > 0);
    expect([requests, errors]).toMatchObject([[{ status: 400 }], []]);
  });

  test("that are promised too long are refused before they are sent", async () => {
    const answer = await raw([
      "POST /sessions HTTP/1.1",
      "Host: localhost",
      "Content-Type: application/json",
      "Content-Length: 999999999",
      "",
      "{",
    ]);
    expect(answer).toStartWith("HTTP/1.1 413");
  });
});

describe("what is nested too deep", () => {
  test("is refused, and harms no list", async () => {
    const deep = `${"[".repeat(3_000)}${"]".repeat(3_000)}`;
    for (const path of ["/sessions", `/sessions/${await server.createSession()}/messages`]) {
      const { body } = await server.request(
        "POST",
        path,
        path === "/sessions" ? `{"metadata":{"d":${deep}}}` : `{"user_params":{"d":${deep}}}`,
      );
      expect(body).toMatchObject({
        status: 422,
        errors: [{ field: "/", message: "is nested deeper than 200 levels" }],
      });
    }
    expect((await server.request("GET", "/sessions")).status).toBe(200);
  });
});

describe("a name that leads here", () => {
  test("must be one of loopback's on a server that listens there", async () => {
    for (const host of ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "a b", "0.0.0.0"]) {
      const answer = await raw([
        "GET /sessions HTTP/1.1",
        `Host: ${host}`,
        `Origin: http://${host}`,
        "Connection: close",
        "",
        "",
      ]);
      expect([host, answer]).toEqual([host, expect.stringContaining("host_forbidden")]);
    }
    for (const host of [
      "localhost",
      "localhost:1",
      "127.0.0.1:8000",
      "[::1]:8000",
      "127.9.9.9",
      "app.localhost",
    ]) {
      const answer = await raw(["GET /nowhere HTTP/1.1", `Host: ${host}`, "", ""]);
      expect([host, answer]).toEqual([host, expect.stringContaining("route_not_found")]);
    }
  });

  test("may be that of an invited origin", async () => {
    await using open = await startServer("echo.ts:agent", { corsOrigins: ["https://app.example"] });
    expect(await raw(["GET /nowhere HTTP/1.1", "Host: app.example", "", ""], open.url)).toContain(
      "route_not_found",
    );
    expect(await raw(["GET /nowhere HTTP/1.1", "Host: other.example", "", ""], open.url)).toContain(
      "host_forbidden",
    );
  });
});

describe("a web page", () => {
  const post = (origin: string, to = server) => to.request("POST", "/sessions", {}, { origin });

  test("of another origin is refused, and of the server's own is not", async () => {
    for (const origin of ["https://evil.example", "null", "http://127.0.0.1:1"]) {
      expect((await post(origin)).body).toMatchObject({ status: 403, code: "origin_forbidden" });
    }
    expect((await post(server.url)).status).toBe(201);
    const remove = await server.request("DELETE", `/sessions/${nowhere}`, undefined, {
      origin: "https://evil.example",
    });
    expect(remove.status).toBe(403);
  });

  test("cannot read answers from another origin", async () => {
    const answer = await server.request("GET", "/sessions", undefined, { origin: "https://evil.example" });
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
    const preflight = await fetch(`${server.url}/sessions`, {
      method: "OPTIONS",
      headers: { origin: "https://evil.example", "access-control-request-method": "POST" },
    });
    expect(preflight.headers.get("access-control-allow-origin")).toBeNull();
  });

  test("that --cors-origin invites may call, read answers and errors, and ask before", async () => {
    const origin = "https://app.example";
    await using open = await startServer("echo.ts:agent", { corsOrigins: [origin] });
    const made = await post(origin, open);
    expect([made.status, made.headers.get("access-control-allow-origin")]).toEqual([201, origin]);
    expect(made.headers.get("access-control-expose-headers")).toContain("Location");
    const missing = await open.request("GET", `/sessions/${nowhere}`, undefined, { origin });
    expect([missing.status, missing.headers.get("access-control-allow-origin")]).toEqual([404, origin]);
    const preflight = await fetch(`${open.url}/sessions/${nowhere}`, {
      method: "OPTIONS",
      headers: { origin, "access-control-request-method": "DELETE" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-methods")).toContain("DELETE");
    expect((await post("https://other.example", open)).status).toBe(403);
  });
});
