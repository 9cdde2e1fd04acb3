import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

let server: TestServer;
const received: { headers: Headers; body: Record<string, unknown> }[] = [];
const receiver: Bun.Server<undefined> = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  async fetch(request): Promise<Response> {
    if (new URL(request.url).pathname === "/redirect") return Response.redirect(receiver.url.href);
    received.push({ headers: request.headers, body: (await request.json()) as Record<string, unknown> });
    return new Response();
  },
});
beforeAll(async () => {
  server = await startServer("ends.ts:agent");
});
beforeEach(() => {
  received.length = 0;
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await receiver.stop(true);
});

async function send(content: string, webhook: object): Promise<string> {
  const id = await server.createSession();
  const sent = await server.request("POST", `/sessions/${id}/messages`, { content, webhook });
  expect(sent.status).toBe(202);
  return sent.body.turn_id;
}

describe("a webhook", () => {
  test("is called once when the turn has ended, with the token", async () => {
    const turnId = await send("ok", { url: receiver.url.href, token: "t0k3n" });
    await until("it is called", () => received.length > 0);
    const [{ headers, body } = { headers: new Headers(), body: {} }] = received;
    expect(headers.get("authorization")).toBe("Bearer t0k3n");
    expect(headers.get("content-type")).toBe("application/json");
    expect(body).toEqual({
      type: "turn.completed",
      timestamp: expect.stringMatching(/^20.*Z$/),
      session_id: expect.any(String),
      status: "idle",
      response: { role: "assistant", content: "ok" },
      error: null,
      trace_metrics: {
        trace_id: turnId,
        total_duration: expect.any(Number),
        total_tokens: 0,
        has_error: false,
      },
    });
  });

  test("carries the messages when asked to, and no token when there is none", async () => {
    await send("ok", { url: receiver.url.href, include_messages: true });
    await until("it is called", () => received.length > 0);
    expect(received[0]?.headers.has("authorization")).toBe(false);
    expect(received[0]?.body.messages).toEqual([
      { role: "user", content: "ok" },
      { role: "assistant", content: "ok" },
    ]);
  });

  test("tells of a turn that did not succeed", async () => {
    await send("throws an error", { url: receiver.url.href });
    await until("it is called", () => received.length > 0);
    expect(received[0]?.body).toMatchObject({
      status: "error",
      response: null,
      error: "AgentProblem: no luck",
      trace_metrics: { has_error: true },
    });
  });

  test("follows no redirect, and one that nobody answers harms nothing", async () => {
    await send("ok", { url: `${receiver.url.href}redirect` });
    await send("ok", { url: "http://127.0.0.1:1/" });
    await send("ok", { url: `${receiver.url.href}last` });
    await until("the last is called", () => received.length > 0);
    expect(received).toHaveLength(1);
  });

  test("must have a URL of http or https", async () => {
    const id = await server.createSession();
    const { body } = await server.request("POST", `/sessions/${id}/messages`, {
      content: "x",
      webhook: { url: "file:///etc" },
    });
    expect(body).toMatchObject({ status: 422, errors: [{ field: "/webhook/url" }] });
  });
});
