/** Requests that nobody in their right mind sends; most were found by the fuzzer (test/fuzz). */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect } from "node:net";
import { startServer, type TestServer } from "../helpers/start-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("echo.ts:agent");
});
afterAll(() => server[Symbol.asyncDispose]());

/** Writes bytes, and returns what comes back as soon as it fits. */
async function raw(text: string, wanted: RegExp): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  let answer = "";
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => socket.write(text));
  socket.on("data", (chunk) => {
    answer += chunk.toString();
    if (wanted.test(answer)) socket.destroy();
  });
  socket.on("error", () => {}).on("close", () => resolve(answer));
  return promise;
}

describe("a body", () => {
  const post = (path: string, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = {}) =>
    fetch(server.url + path, {
      method: "POST",
      body,
      headers: { "content-type": "application/json", ...headers },
    });

  for (const action of ["messages", "resume"]) {
    test(`that is empty and sent in chunks is none, for ${action}`, async () => {
      const path = `/sessions/${await server.createSession()}/${action}`;
      const head = `POST ${path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n`;
      const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /"code"/);
      expect(answer).toStartWith("HTTP/1.1 422");
    });
  }

  test("may be empty in chunks where none is needed", async () => {
    const head = "POST /sessions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
    const answer = await raw(`${head}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, /session_id/);
    expect(answer).toStartWith("HTTP/1.1 201");
  });

  test("is named as wrong where a text was expected, whatever stands there", async () => {
    const path = `/sessions/${await server.createSession()}/messages`;
    for (const odd of ['{"toString":"x"}', '[{"toString":null}]', '{"valueOf":1,"toString":{}}']) {
      const answer = await post(path, `{"content":${odd}}`);
      expect(answer.status).toBe(422);
      expect(await answer.json()).toMatchObject({ errors: [{ field: "/content" }] });
    }
    const { session_id, metadata } = (
      await server.request("POST", "/sessions", '{"metadata":{"toString":1}}')
    ).body;
    expect([session_id, metadata]).toEqual([expect.any(String), { toString: 1 }]);
  });

  test("gives no object another prototype", async () => {
    const id = await server.createSession();
    for (const [path, body] of [
      [`/sessions/${id}/messages`, '{"__proto__":{"content":"x"}}'],
      [`/sessions/${id}/messages`, '{"content":"x","user_params":{"a":[{"__proto__":1}]}}'],
      ["/sessions", '{"state":[{"role":"user","__proto__":{}}]}'],
    ] as const) {
      const answer = await post(path, body);
      expect([answer.status, await answer.json()]).toMatchObject([
        422,
        { errors: [{ field: "/", message: "has a field named __proto__" }] },
      ]);
    }
  });

  test("may be nested two hundred levels deep, and no deeper", async () => {
    const nested = (levels: number) =>
      `{"metadata":{"a":${"[".repeat(levels - 2)}${"]".repeat(levels - 2)}}}`;
    expect((await post("/sessions", nested(200))).status).toBe(201);
    expect((await post("/sessions", nested(201))).status).toBe(422);
  });

  test("that is no UTF-8 is refused and not mended", async () => {
    const answer = await post("/sessions", Buffer.from('{"metadata":{"name":"\xff"}}', "latin1"));
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: "body_not_json" }]);
  });

  test("that is encoded is refused with what is taken", async () => {
    const zipped = new Uint8Array(Bun.gzipSync("{}"));
    const answer = await post("/sessions", zipped, { "content-encoding": "gzip" });
    expect([answer.status, answer.headers.get("accept-encoding")]).toEqual([415, "identity"]);
    expect(await answer.json()).toMatchObject({ code: "unsupported_media_type" });
    expect((await post("/sessions", "{}", { "content-encoding": "identity" })).status).toBe(201);
  });

  test("with a webhook's token that no header can hold is refused", async () => {
    const path = `/sessions/${await server.createSession()}/messages`;
    for (const token of ["a\nb", "a\u0000", "\u20ac"]) {
      const webhook = { url: "http://127.0.0.1:1", token };
      const { body } = await server.request("POST", path, { content: "x", webhook });
      expect(body).toMatchObject({ status: 422, errors: [{ field: "/webhook/token" }] });
    }
  });
});

describe("a path", () => {
  test("that cannot be decoded leads nowhere, under every method that its route takes", async () => {
    for (const [method, path] of [
      ["GET", "/sessions/%zz"],
      ["GET", "/sessions/%ff/messages"],
      ["DELETE", "/sessions/%"],
      ["POST", "/sessions/%c3%28/cancel"],
    ] as const) {
      const { body } = await server.request(method, path);
      expect([path, body]).toMatchObject([path, { status: 404, code: "route_not_found" }]);
    }
  });
});

describe("HEAD", () => {
  test("of a stream of events is answered at once", async () => {
    const answer = await fetch(`${server.url}/sessions/${await server.createSession()}/events`, {
      method: "HEAD",
    });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([
      200,
      "text/event-stream; charset=utf-8",
    ]);
  });
});

describe("requests one behind the other on one connection", () => {
  test("are answered in their order, lists among them", async () => {
    await server.createSession();
    const ask = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const answer = await raw(ask("/sessions") + ask("/health") + ask("/nowhere"), /route_not_found/);
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200", "HTTP/1.1 404"]);
  });
});
