import { describe, expect, test } from "bun:test";
import { MotusClient, MotusClientError } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";

/** Breaks so many connections without an answer; sends those after them to another server. */
function unreliable(target: string, breaks: number) {
  let connections = 0;
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      data(socket, request) {
        connections += 1;
        if (connections <= breaks) return void socket.end();
        const path = request.toString().split(" ")[1];
        socket.end(
          `HTTP/1.1 307 Go on\r\nLocation: ${target}${path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
        );
      },
    },
  });
  const url = `http://127.0.0.1:${listener.port}`;
  return { url, connections: () => connections, [Symbol.dispose]: () => listener.stop(true) };
}

describe("MotusClient.wait()", () => {
  test("returns when the turn ends, however many short waits that takes", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    let requests = 0;
    const third = Promise.withResolvers<void>();
    const client = new MotusClient(server.url, {
      fetch: (url, init) => {
        if (!url.includes("wait")) return fetch(url, init);
        requests += 1;
        if (requests === 3) third.resolve();
        return fetch(url.replace("timeout=25", "timeout=0.01"), init);
      },
    });
    const { session_id } = await client.createSession();
    await client.send(session_id, gate.url);
    const waiting = client.wait(session_id);
    await third.promise;
    gate.open();
    expect(await waiting).toMatchObject({ status: "idle", response: { content: "open" } });
  });

  test("returns the session as it is when its time is over", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    await client.send(session_id, gate.url);
    expect(await client.wait(session_id, { timeout: 0 })).toMatchObject({ status: "running" });
    expect(await client.wait(session_id, { timeout: 0.05 })).toMatchObject({ status: "running" });
  });

  test("returns a session whose turn failed instead of rejecting", async () => {
    await using server = await startServer("cli-moody.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    await client.send(session_id, "fail");
    expect(await client.wait(session_id)).toMatchObject({
      status: "error",
      response: null,
      error: "RangeError: I was told to",
    });
  });

  test("rejects with session_not_found when the session is deleted meanwhile", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const client = new MotusClient(server.url);
    const { session_id } = await client.createSession();
    await client.send(session_id, gate.url);
    const waiting = client.wait(session_id).catch((error: unknown) => error);
    await gate.arrivals(1);
    await client.deleteSession(session_id);
    expect(await waiting).toMatchObject({ code: "session_not_found" });
  });

  test("goes on when the connection breaks", async () => {
    await using server = await startServer("echo.ts:agent");
    const sessionId = await server.createSession();
    using way = unreliable(server.url, 2);
    expect(await new MotusClient(way.url).wait(sessionId)).toMatchObject({ session_id: sessionId });
    expect(way.connections()).toBeGreaterThanOrEqual(3);
  });

  test("gives up after six failures in a row", async () => {
    let requests = 0;
    using way = unreliable("", Number.POSITIVE_INFINITY);
    const client = new MotusClient(way.url, {
      fetch: (url, init) => {
        requests += 1;
        return fetch(url, init);
      },
    });
    const error = await client.wait(crypto.randomUUID()).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(MotusClientError);
    expect(error).toMatchObject({ code: "connection_failed" });
    expect(requests).toBe(6);
  });

  test("stops at once when its signal fires between two attempts", async () => {
    const controller = new AbortController();
    const client = new MotusClient("http://127.0.0.1", {
      fetch: () => {
        setTimeout(() => controller.abort("enough"));
        return Promise.reject(new TypeError("broken"));
      },
    });
    await expect(client.wait(crypto.randomUUID(), { signal: controller.signal })).rejects.toBe("enough");
  });
});
