import { describe, expect, test } from "bun:test";
import { MotusClient } from "motus-serve/client";
import { startServer } from "../helpers/start-server.ts";

describe("MotusClient", () => {
  test("sends its idempotency key with every request that does something", async () => {
    await using server = await startServer("live.ts:agent");
    const client = new MotusClient(server.url);
    const key = () => ({ idempotencyKey: crypto.randomUUID() });
    const [create, send, stream, resume, cancel] = [key(), key(), key(), key(), key()];
    const { session_id: id } = await client.createSession({}, create);
    expect((await client.createSession({}, create)).session_id).toBe(id);
    const { turn_id } = await client.send(id, "all", send);
    expect((await client.send(id, "all", send)).turn_id).toBe(turn_id);
    await client.wait(id);
    const read = async () => {
      const events: number[] = [];
      for await (const event of client.stream(id, "count 2", stream)) events.push(event.seq);
      return events;
    };
    expect(await read()).toEqual(await read());
    await client.send(id, "ask a.txt");
    const [question] = (await client.wait(id)).interrupts ?? [];
    const answer = () => client.resume(id, question?.interrupt_id ?? "", { approved: true }, resume);
    expect(await answer()).toEqual(await answer());
    await client.wait(id);
    await client.send(id, "ask b.txt");
    await client.wait(id);
    expect(await client.cancel(id, cancel)).toEqual(await client.cancel(id, cancel));
    expect(await client.turns(id)).toHaveLength(4);
    await expect(client.send(id, "other", send)).rejects.toMatchObject({ code: "idempotency_key_reused" });
  });

  test("goes on waiting and reading when the server wants to be left alone for a moment", async () => {
    await using server = await startServer("live.ts:agent", { rateLimit: 5 });
    const client = new MotusClient(server.url);
    const { session_id: id } = await client.createSession();
    await client.send(id, "all");
    const spend = async () => {
      for (let i = 0; i < 20; i++) if ((await fetch(`${server.url}/ready`)).status === 429) return;
      throw new Error("The limit was never reached");
    };
    await spend();
    expect((await client.wait(id)).status).toBe("idle");
    await spend();
    for await (const event of client.events(id)) if (event.type === "turn-end") break;
  });
});
