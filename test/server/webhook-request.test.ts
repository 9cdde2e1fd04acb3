import { afterAll, describe, expect, test } from "bun:test";
import { postWebhook } from "../../src/server/webhook-request.ts";

/** Answers at once, and never ends what follows: a little for ever, or as much as the other side takes. */
const receiver = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  fetch(request) {
    const chunk = new Uint8Array(new URL(request.url).pathname === "/floods" ? 64 * 1024 : 1);
    const pull = async (controller: ReadableStreamDefaultController) => {
      controller.enqueue(chunk);
      await Bun.sleep(1);
    };
    return new Response(new ReadableStream({ pull }), { headers: { "retry-after": "2" } });
  },
});
afterAll(() => receiver.stop(true));

function post(url: string, options: { addresses?: []; signal?: AbortSignal } = {}) {
  return postWebhook(new URL(url), {
    headers: {},
    body: Buffer.from("{}"),
    addresses: [{ address: "127.0.0.1", family: 4 }],
    signal: new AbortController().signal,
    ...options,
  });
}

describe("postWebhook()", () => {
  test("keeps the status of an answer whose body does not end in time (regression)", async () => {
    const answer = await post(`${receiver.url.href}trickles`, { signal: AbortSignal.timeout(50) });
    expect(answer).toEqual({ status: 200, retryAfterMs: 2_000 });
  });

  test("cuts an answer off that is too long", async () => {
    expect(await post(`${receiver.url.href}floods`)).toMatchObject({ status: 200 });
  });

  test("rejects when the host has no address, and resolves it nowhere else (regression)", async () => {
    const posted = post(`http://localhost:${receiver.port}/`, { addresses: [] });
    await expect(posted).rejects.toThrow('"localhost" has no address');
  });
});
