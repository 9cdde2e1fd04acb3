/** Webhooks on their way: tries, signatures, addresses, and the end of the server. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Webhook as Verifier } from "standardwebhooks";
import type { Webhook } from "../../src/protocol/http.ts";
import { addressProblem, literalAddress } from "../../src/server/webhook-address.ts";
import { Webhooks, type WebhooksOptions } from "../../src/server/webhooks.ts";
import type { Session } from "../../src/session/session.ts";
import { startServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

const secret = `whsec_${Buffer.from("a secret of twenty-four bytes").toString("base64")}`;
const session: Session = {
  sessionId: "0c6e0000-0000-4000-8000-000000000000",
  ordinal: 1,
  owner: null,
  createdAt: 1,
  updatedAt: Date.parse("2026-11-23T08:30:00.000Z"),
  metadata: {},
  totalMessages: 2,
  receipt: null,
  status: "idle",
  response: '{"role":"assistant","content":"ok"}',
  error: null,
};

interface Received {
  path: string;
  headers: Record<string, string>;
  body: string;
}

/** A receiver that answers what its path says, one answer after the other: /500,200. */
function createReceiver() {
  const received: Received[] = [];
  const server: Bun.Server<undefined> = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request): Promise<Response> {
      const path = decodeURIComponent(new URL(request.url).pathname);
      received.push({ path, headers: Object.fromEntries(request.headers), body: await request.text() });
      const tries = received.filter((one) => one.path === path).length;
      const [status = "200", retryAfter] = (path.slice(1).split(",")[tries - 1] ?? "200").split("@");
      if (status === "never") return new Promise<Response>(() => {});
      const location = status.startsWith("3") ? { location: `${server.url.href}redirected` } : {};
      return new Response("x", {
        status: Number(status),
        headers: { ...(retryAfter && { "retry-after": retryAfter.replaceAll(";", ",") }), ...location },
      });
    },
  });
  return {
    received,
    url: (path: string) => `${server.url.href}${path}`,
    port: server.port,
    stop: () => server.stop(true),
  };
}

let receiver: ReturnType<typeof createReceiver>;
let logged: { level: string; message: string; fields: Record<string, unknown> }[];
let webhooks: Webhooks;

function open(options: Partial<WebhooksOptions> = {}): Webhooks {
  const log = (level: string) => (fields: object, message: string) =>
    logged.push({ level, message, fields: { ...fields } });
  const logger = { debug: log("debug"), info: log("info"), warn: log("warn"), error: log("error") };
  return new Webhooks({ logger, allowPrivate: true, delaysMs: [1, 1, 1], ...options });
}
const messages = () => logged.map(({ message }) => message);
const settled = (count: number) =>
  until(
    "all are settled",
    () => messages().filter((message) => /delivered|given up|refused|dropped/.test(message)).length >= count,
  );

beforeEach(() => {
  receiver = createReceiver();
  logged = [];
  webhooks = open();
});
afterEach(async () => {
  await webhooks.close(AbortSignal.abort());
  await receiver.stop();
});

describe("a webhook is", () => {
  test("signed as Standard Webhooks has it, with the same id on every try", async () => {
    webhooks.send({ url: receiver.url("500,503,200"), secret, token: "t" }, session, null);
    await settled(1);
    expect(receiver.received).toHaveLength(3);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
    for (const { headers, body } of receiver.received) {
      expect(new Verifier(secret).verify(body, headers)).toMatchObject({
        type: "turn.completed",
        timestamp: "2026-11-23T08:30:00.000Z",
        session_id: session.sessionId,
        response: { content: "ok" },
      });
      expect(() => new Verifier(secret).verify(`${body} `, headers)).toThrow();
      expect(headers.authorization).toBe("Bearer t");
    }
    expect(messages().at(-1)).toBe("webhook delivered");
  });

  test("not signed without a secret", async () => {
    webhooks.send({ url: receiver.url("200") }, session, null);
    await settled(1);
    expect(receiver.received[0]?.headers["webhook-signature"]).toBeUndefined();
    expect(receiver.received[0]?.headers["webhook-id"]).toMatch(/^msg_/);
  });

  for (const statuses of ["408,200", "429,200", "500,200", "502,503,504,200"]) {
    test(`tried again after ${statuses}`, async () => {
      webhooks.send({ url: receiver.url(statuses) }, session, null);
      await settled(1);
      expect(receiver.received).toHaveLength(statuses.split(",").length);
      expect(messages().at(-1)).toBe("webhook delivered");
    });
  }

  for (const status of ["410", "400", "401", "404", "422", "301", "307"]) {
    test(`not tried again after ${status}, and no redirect is followed`, async () => {
      webhooks.send({ url: receiver.url(`${status},200`) }, session, null);
      await settled(1);
      expect(receiver.received.map(({ path }) => path)).toEqual([`/${status},200`]);
      expect(messages()).toEqual(["the webhook was refused"]);
    });
  }

  test("tried again when nobody answers, and given up in the end", async () => {
    webhooks.send({ url: "http://127.0.0.1:1/" }, session, null);
    await settled(1);
    expect(messages()).toEqual([
      ...Array(3).fill("the webhook did not arrive and is tried again"),
      "the webhook was given up",
    ]);
  });

  test("tried again when an answer takes too long", async () => {
    webhooks = open({ timeoutMs: 30 });
    webhooks.send({ url: receiver.url("never,200") }, session, null);
    await settled(1);
    expect(logged[0]?.fields).toMatchObject({ why: "no answer within 30 ms" });
    expect(messages().at(-1)).toBe("webhook delivered");
  });

  test("kept waiting for as long as Retry-After says", async () => {
    const date = new Date(Date.now() + 7_200_000).toUTCString().replaceAll(",", ";");
    webhooks.send({ url: receiver.url("503@3600,200") }, session, null);
    webhooks.send({ url: receiver.url(`429@${date},200`) }, session, null);
    await until("both have failed", () => logged.length === 2);
    const waits = logged.map(({ fields }) => Number(fields.retry_ms)).sort((one, other) => one - other);
    expect(waits[0]).toBeGreaterThanOrEqual(3_600_000);
    expect(waits[1]).toBeGreaterThanOrEqual(7_100_000);
    expect(receiver.received).toHaveLength(2);
  });

  test("spread in time, and waits longer with every try", async () => {
    webhooks = open({ delaysMs: [10, 40, 160] });
    webhooks.send({ url: receiver.url("500,500,500,200") }, session, null);
    await settled(1);
    const waits = logged.filter(({ level }) => level === "warn").map(({ fields }) => Number(fields.retry_ms));
    for (const [index, delay] of [10, 40, 160].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(delay / 2);
      expect(waits[index]).toBeLessThanOrEqual(delay * 1.5);
    }
  });

  test("sent to the address that was checked, whatever the name means by then", async () => {
    webhooks = open({ resolve: async () => [{ address: "127.0.0.1", family: 4 }] });
    webhooks.send({ url: `http://receiver.invalid:${receiver.port}/200` }, session, null);
    await settled(1);
    expect(receiver.received[0]?.headers.host).toBe(`receiver.invalid:${receiver.port}`);
  });

  test("not sent when one address of its host must not be called", async () => {
    webhooks = open({
      resolve: async () => [
        { address: "127.0.0.1", family: 4 },
        { address: "169.254.169.254", family: 4 },
      ],
    });
    webhooks.send({ url: `http://receiver.invalid:${receiver.port}/200` }, session, null);
    await settled(1);
    expect(receiver.received).toEqual([]);
    expect(logged[0]).toMatchObject({ level: "error", message: "the webhook was refused" });
  });

  test("dropped when too many are on their way, those that failed most often first", async () => {
    webhooks = open({ maxDeliveries: 2, delaysMs: [60_000] });
    webhooks.send({ url: receiver.url("500") }, session, null);
    await until("it waits for its next try", () => messages().length === 1);
    for (let i = 0; i < 2; i++) webhooks.send({ url: receiver.url(`never,never,${i}`) }, session, null);
    await until("the first is given up", () => messages().includes("the webhook was given up"));
    webhooks.send({ url: receiver.url("200") }, session, null);
    expect(messages()).toContain("the webhook was dropped: too many are on their way");
  });
});

describe("Webhooks.close()", () => {
  test("makes the last try of those that wait, at once", async () => {
    webhooks = open({ delaysMs: [600_000, 600_000] });
    webhooks.send({ url: receiver.url("500,200") }, session, null);
    await until("it waits", () => messages().length === 1);
    await webhooks.close(new AbortController().signal);
    expect(messages().at(-1)).toBe("webhook delivered");
  });

  test("gives up those that have not arrived when the time is over", async () => {
    webhooks.send({ url: receiver.url("never") }, session, null);
    await until("it is sent", () => receiver.received.length === 1);
    await webhooks.close(AbortSignal.abort());
    expect(logged.at(-1)).toMatchObject({
      message: "the webhook was given up",
      fields: { why: "the server stopped" },
    });
  });
});

describe("addressProblem()", () => {
  for (const [address, whenPrivateIsAllowed, otherwise] of [
    ["93.184.216.34", true, true],
    ["2606:2800:220:1::1", true, true],
    ["127.0.0.1", true, false],
    ["::1", true, false],
    ["10.1.2.3", true, false],
    ["192.168.0.1", true, false],
    ["172.16.0.1", true, false],
    ["100.64.0.1", true, false],
    ["fd12::1", true, false],
    ["::ffff:10.0.0.1", true, false],
    ["169.254.169.254", false, false],
    ["::ffff:169.254.169.254", false, false],
    ["64:ff9b::a9fe:a9fe", false, false],
    ["fe80::1", false, false],
    ["fd00:ec2::254", false, false],
    ["100.100.100.200", false, false],
    ["0.0.0.0", false, false],
    ["::", false, false],
    ["224.0.0.1", false, false],
    ["255.255.255.255", false, false],
  ] as const) {
    test(address, () => {
      expect(addressProblem(address, true) === undefined).toBe(whenPrivateIsAllowed);
      expect(addressProblem(address, false) === undefined).toBe(otherwise);
    });
  }

  test("sees through the ways in which a URL can write an address", () => {
    for (const host of [
      "2852039166",
      "0xA9FEA9FE",
      "0251.0376.0251.0376",
      "169.254.43518",
      "[::ffff:a9fe:a9fe]",
    ]) {
      const address = literalAddress(new URL(`http://${host}/`));
      expect([host, addressProblem(address ?? "", true)]).toEqual([
        host,
        expect.stringContaining("must not be called"),
      ]);
    }
    expect(literalAddress(new URL("http://example.com/"))).toBeUndefined();
  });
});

describe("POST /sessions/{id}/messages", () => {
  test("refuses a webhook that can never be called, and says why", async () => {
    await using server = await startServer("ends.ts:agent", { webhookAllowPrivate: false });
    const id = await server.createSession();
    const send = (webhook: Webhook) =>
      server.request("POST", `/sessions/${id}/messages`, { content: "ok", webhook });
    for (const url of [
      "http://169.254.169.254/latest",
      "http://127.0.0.1:1/",
      "http://[::1]/",
      "http://2130706433/",
    ]) {
      const { body } = await send({ url });
      expect(body).toMatchObject({
        status: 422,
        code: "validation_failed",
        errors: [{ field: "/webhook/url" }],
      });
      expect(body.detail).toContain("must not be called");
    }
    expect((await send({ url: "http://a", secret: "short" })).body.errors).toMatchObject([
      { field: "/webhook/secret" },
    ]);
    expect((await send({ url: "http://a", token: "a\nb" })).body.errors).toMatchObject([
      { field: "/webhook/token" },
    ]);
    expect((await server.request("GET", `/sessions/${id}`)).body.status).toBe("idle");
  });

  test("tells a webhook that asked for it when the turn waits for a person", async () => {
    await using server = await startServer("live.ts:agent");
    const id = await server.createSession();
    const webhook = { url: receiver.url("200"), secret, events: ["interrupted"], include_messages: true };
    const { body: sent } = await server.request("POST", `/sessions/${id}/messages`, {
      content: "ask x",
      webhook,
    });
    await until("it is told", () => receiver.received.length === 1);
    const asked = JSON.parse(receiver.received[0]?.body ?? "");
    expect(asked).toMatchObject({
      type: "turn.interrupted",
      status: "interrupted",
      interrupts: [{ type: "tool_approval" }],
      trace_metrics: { trace_id: sent.turn_id, has_error: false },
    });
    await server.request("POST", `/sessions/${id}/resume`, {
      interrupt_id: asked.interrupts[0].interrupt_id,
      value: 1,
    });
    await until("it is told of the end", () => receiver.received.length === 2);
    expect(JSON.parse(receiver.received[1]?.body ?? "")).toMatchObject({
      type: "turn.completed",
      status: "idle",
    });
  });

  test("never waits for a receiver that does not answer", async () => {
    await using server = await startServer("ends.ts:agent");
    const id = await server.createSession();
    for (let i = 0; i < 3; i++) {
      await server.request("POST", `/sessions/${id}/messages`, {
        content: "ok",
        webhook: { url: receiver.url("never") },
      });
      expect((await server.request("GET", `/sessions/${id}?wait=true`)).body.status).toBe("idle");
    }
  });
});
