import { describe, expect, test } from "bun:test";
import { MotusClient, MotusClientError } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";

/** What a promise rejects with. */
async function failure(promise: Promise<unknown>): Promise<MotusClientError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(MotusClientError);
  return error as MotusClientError;
}

describe("MotusClient", () => {
  test("leads a conversation from its start to its end", async () => {
    await using server = await startServer("echo.ts:agent");
    const client = new MotusClient(`${server.url}/`);
    const { session_id, status } = await client.createSession({ metadata: { user: "ada" } });
    expect(status).toBe("idle");
    expect(await client.send(session_id, "one")).toMatchObject({ session_id, status: "running" });
    expect(await client.wait(session_id)).toMatchObject({
      status: "idle",
      response: { content: "echo: one" },
    });
    expect(await client.messages(session_id)).toEqual([
      { role: "user", content: "one" },
      { role: "assistant", content: "echo: one" },
    ]);
    expect(await client.setMetadata(session_id, { user: "bob" })).toMatchObject({
      metadata: { user: "bob" },
    });
    expect(await client.getSession(session_id)).toMatchObject({ metadata: { user: "bob" } });
    expect(await client.health()).toMatchObject({ status: "ok", total_sessions: 1 });
    expect(await client.deleteSession(session_id)).toBeUndefined();
    expect((await client.listSessions()).sessions).toEqual([]);
  });

  test("takes a URL with a path, a query and slashes, and refuses what is no http URL", () => {
    expect(new MotusClient("https://example.com/motus//?a=1#b").url).toBe("https://example.com/motus");
    for (const url of ["", "localhost:8000", "ftp://localhost", "/sessions"]) {
      expect(() => new MotusClient(url)).toThrow(TypeError);
    }
  });

  test("uses the fetch that it is given and sends the token as bearer token", async () => {
    const requests: Request[] = [];
    await using server = await startServer("echo.ts:agent");
    const client = new MotusClient(server.url, {
      token: "secret",
      fetch: (url, init) => {
        requests.push(new Request(url, init));
        return fetch(url, init);
      },
    });
    await client.health();
    expect(requests.map(({ url, headers }) => [url, headers.get("authorization")])).toEqual([
      [`${server.url}/health`, "Bearer secret"],
    ]);
  });

  test("createSession() takes messages to go on from and an id where the server allows it", async () => {
    await using server = await startServer("echo.ts:agent", { allowCustomIds: true });
    const client = new MotusClient(server.url);
    const sessionId = crypto.randomUUID();
    const state = [{ role: "user" as const, content: "before" }];
    expect(await client.createSession({ sessionId, state })).toMatchObject({ session_id: sessionId });
    expect(await client.messages(sessionId)).toEqual(state);
    expect(await failure(client.createSession({ sessionId }))).toMatchObject({
      code: "session_exists",
      status: 409,
    });
  });

  test("send() takes a whole message, its parameters included", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    await client.send(session_id, { role: "system", content: "x", user_params: { depth: 3 } });
    const { response } = await client.wait(session_id);
    expect(JSON.parse(response?.content ?? "")).toMatchObject({ content: "x", params: { depth: 3 } });
  });
});

describe("MotusClient.listSessions()", () => {
  test("gives a page and where the next one begins; allSessions() goes through all of them", async () => {
    await using server = await startServer("echo.ts:agent");
    const client = new MotusClient(server.url);
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) ids.push((await client.createSession()).session_id);
    const first = await client.listSessions({ limit: 2 });
    expect(first.sessions.map(({ session_id }) => session_id)).toEqual(ids.slice(0, 2));
    const second = await client.listSessions({ limit: 3, after: first.next as number, status: "idle" });
    expect(second.sessions.map(({ session_id }) => session_id)).toEqual(ids.slice(2));
    expect(second.next).toBeNull();
    const all = await Array.fromAsync(client.allSessions({ limit: 2 }));
    expect(all.map(({ session_id }) => session_id)).toEqual(ids);
    expect(await Array.fromAsync(client.allSessions({ status: "error" }))).toEqual([]);
  });
});

describe("MotusClientError", () => {
  test("has the server's code, status, sentence and fields", async () => {
    await using server = await startServer("echo.ts:agent");
    const client = new MotusClient(server.url);
    const missing = await failure(client.getSession(crypto.randomUUID()));
    expect(missing).toMatchObject({ code: "session_not_found", status: 404, detail: "Session not found" });
    const { session_id } = await client.createSession();
    const invalid = await failure(client.send(session_id, { content: "x", colour: "red" } as never));
    expect(invalid).toMatchObject({
      code: "validation_failed",
      status: 422,
      errors: [{ field: "/colour", message: "is not a known field" }],
    });
  });

  test("is connection_failed, with the URL and what to do, when nothing listens", async () => {
    const server = await startServer("echo.ts:agent");
    await server[Symbol.asyncDispose]();
    const error = await failure(new MotusClient(server.url).health());
    expect(error).toMatchObject({ code: "connection_failed", status: null });
    expect(error.message).toBe(
      `Cannot reach the server at ${server.url}: nothing listens there; check the URL and that the server is running`,
    );
  });

  test("is unexpected_answer when the answer is not of a motus server", async () => {
    for (const status of [200, 502]) {
      await using other = Bun.serve({ port: 0, fetch: () => new Response("<html>", { status }) });
      const error = await failure(new MotusClient(other.url.href).health());
      expect(error).toMatchObject({ code: "unexpected_answer", status });
    }
  });

  test("is session_id_invalid, and nothing is sent, for an id that leads elsewhere", async () => {
    const client = new MotusClient("http://127.0.0.1", { fetch: () => Promise.reject(new Error("sent")) });
    for (const id of ["", "..", "a/b", "a?b"]) {
      expect((await failure(client.deleteSession(id))).code).toBe("session_id_invalid");
    }
  });

  test("does not stand for a request that its caller gave up: that rejects with the signal's reason", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    await client.send(session_id, gate.url);
    const controller = new AbortController();
    const waiting = client.wait(session_id, { signal: controller.signal });
    await gate.arrivals(1);
    const reason = new Error("enough");
    controller.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(client.health({ signal: controller.signal })).rejects.toBe(reason);
    expect(await client.getSession(session_id)).toMatchObject({ status: "running" });
  });
});
