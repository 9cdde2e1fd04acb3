/** How many requests a caller may make, and how many may be open at once. */
import { describe, expect, test } from "bun:test";
import { addressOf } from "../../../src/http/access/address-of.ts";
import { RateLimiter } from "../../../src/http/access/rate-limiter.ts";
import { createGate } from "../../helpers/gate.ts";
import { readEvents } from "../../helpers/read-events.ts";
import { startServer, type TestServer } from "../../helpers/start-server.ts";
import { until } from "../../helpers/until.ts";

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
/** One request in twenty seconds: no test takes so long that one comes back. */
const slow = 0.05;

describe("--rate-limit", () => {
  const ask = (to: TestServer, headers = {}, path = "/sessions") =>
    to.request("GET", path, undefined, headers);
  const use = async (to: TestServer, count: number, headers = {}) => {
    const statuses: number[] = [];
    for (let i = 0; i < count; i++) statuses.push((await ask(to, headers)).status);
    return statuses;
  };

  test("lets a burst through and refuses what is more with 429, and says when to come back", async () => {
    await using server = await startServer("echo.ts:agent", { rateLimit: slow });
    const first = await ask(server);
    expect([first.status, first.headers.get("ratelimit"), first.headers.get("ratelimit-policy")]).toEqual([
      200,
      '"requests";r=4;t=20',
      '"requests";q=5;w=100',
    ]);
    expect(await use(server, 5)).toEqual([200, 200, 200, 200, 429]);
    const { status, body, headers } = await server.request("POST", "/sessions", {});
    expect([status, body.code, headers.get("content-type")]).toEqual([
      429,
      "rate_limited",
      "application/problem+json",
    ]);
    expect(body.detail).toContain("0.05 a second are allowed");
    const seconds = Number(headers.get("retry-after"));
    expect(seconds).toBeGreaterThan(10);
    expect(seconds).toBeLessThanOrEqual(20);
    expect(headers.get("ratelimit")).toMatch(/^"requests";r=0;t=\d+$/);
    expect((await server.request("GET", "/health")).body).toMatchObject({ status: "ok", total_sessions: 0 });
  });

  test("lets requests through again when their time has come", async () => {
    await using server = await startServer("echo.ts:agent", { rateLimit: 5 });
    const { url } = server;
    const statuses = await Promise.all(
      Array.from({ length: 50 }, async () => (await fetch(`${url}/sessions`)).status),
    );
    const allowed = statuses.filter((status) => status === 200).length;
    expect(allowed).toBeGreaterThanOrEqual(10);
    expect(statuses).toContain(429);
    await until("a request is answered again", async () => (await ask(server)).status === 200);
  });

  test("counts each token by itself, and wrong ones by where they come from", async () => {
    await using server = await startServer("echo.ts:agent", { rateLimit: slow, tokens: ["one", "two"] });
    expect(await use(server, 6, bearer("one"))).toEqual([200, 200, 200, 200, 200, 429]);
    expect(await use(server, 3, bearer("two"))).toEqual([200, 200, 200]);
    expect(await use(server, 3, bearer("wrong"))).toEqual([401, 401, 401]);
    expect(await use(server, 3, bearer("other"))).toEqual([401, 401, 429]);
    expect(await use(server, 1)).toEqual([429]);
    expect(await use(server, 3, bearer("two"))).toEqual([200, 200, 429]);
  });

  test("counts whatever is asked for, also what is not there", async () => {
    await using server = await startServer("echo.ts:agent", { rateLimit: slow });
    for (const path of ["/nowhere", "/swagger", "/swagger/json", "/ready", "/sessions/none"])
      await ask(server, {}, path);
    expect((await ask(server)).status).toBe(429);
  });

  test("tells an invited page, which may read the headers", async () => {
    const origin = "https://app.example";
    await using server = await startServer("echo.ts:agent", { rateLimit: slow, corsOrigins: [origin] });
    await use(server, 5, { origin });
    const { status, headers } = await ask(server, { origin });
    expect([status, headers.get("access-control-allow-origin")]).toEqual([429, origin]);
    expect(headers.get("access-control-expose-headers")).toContain("RateLimit");
  });

  test("remembers ten thousand callers, and then forgets who was silent for longest", () => {
    const limiter = new RateLimiter(slow);
    const spend = (caller: string) => {
      for (let i = 0; i < 5; i++) limiter.take(caller);
    };
    const isLimited = (caller: string) => {
      try {
        limiter.take(caller);
        return false;
      } catch {
        return true;
      }
    };
    spend("first");
    spend("second");
    for (let i = 0; i < 9_998; i++) limiter.take(`caller ${i}`);
    expect([isLimited("first"), isLimited("second")]).toEqual([true, true]);
    for (let i = 0; i < 9_999; i++) limiter.take(`other ${i}`);
    expect([isLimited("second"), isLimited("first")]).toEqual([true, false]);
  });

  test("counts an IPv6 address by its network, and an IPv4 address as itself however it is written", () => {
    const at = (address: string) => addressOf(new Request("http://x/"), { requestIP: () => ({ address }) });
    expect(at("2001:db8:1:2:3:4:5:6")).toBe("2001:db8:1:2::/64");
    expect(at("2001:db8:1:2:ffff::1")).toBe("2001:db8:1:2::/64");
    expect([at("::1"), at("127.0.0.1"), at("::ffff:10.0.0.1")]).toEqual([
      "0:0:0:0::/64",
      "127.0.0.1",
      "10.0.0.1",
    ]);
    expect(addressOf(new Request("http://x/"), { requestIP: () => null })).toBe("unknown");
    expect(addressOf(new Request("http://x/"), null)).toBe("unknown");
  });
});

describe("--max-connections", () => {
  test("refuses requests beyond it with 503 while others are open, and takes them again", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { maxConnections: 3 });
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    const waiting = server.request("GET", `/sessions/${id}?wait=true`);
    await using reader = await readEvents(`${server.url}/sessions/${id}/events`);
    {
      await using _ = await readEvents(`${server.url}/sessions/${id}/events`);
      await until("all are open", async () => (await server.request("GET", "/ready")).status === 503);
      const { status, body, headers } = await server.request("GET", "/sessions");
      expect([status, body.code, headers.get("retry-after")]).toEqual([503, "connection_limit_reached", "1"]);
      expect(body.detail).toContain("3 requests are open");
      expect((await server.request("GET", "/health")).status).toBe(200);
    }
    await until("one has left", async () => (await server.request("GET", "/ready")).status === 200);
    gate.open();
    expect((await waiting).body.status).toBe("idle");
    expect((await reader.until("turn-end")).at(-1)?.data.outcome).toBe("completed");
  });

  test("of 0 is none", async () => {
    await using server = await startServer("echo.ts:agent", { maxConnections: 0 });
    const id = await server.createSession();
    const readers = await Promise.all(
      Array.from({ length: 20 }, () => readEvents(`${server.url}/sessions/${id}/events`)),
    );
    expect((await server.request("GET", "/sessions")).status).toBe(200);
    for (const reader of readers) await reader[Symbol.asyncDispose]();
  });
});
