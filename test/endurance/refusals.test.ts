import { describe, expect, test } from "bun:test";
import { startServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";
import { readEvents } from "./event-reader.ts";
import { answer, settled } from "./sessions.ts";

describe("events that a worker writes itself", () => {
  for (const [name, line] of [
    ["a space before its bracket", ' {"type":"text-delta","delta":"x"}'],
    ["a line end of event streams within", '{"type":"text-delta",\r"delta":"x"}'],
  ] as const) {
    test(`with ${name} end their turn and reach no reader`, async () => {
      await using server = await startServer("endure-forges.ts:agent");
      const id = await server.createSession();
      expect(await server.turn(id, line)).toMatchObject({ status: "error", turn: { outcome: "crashed" } });
      const types: string[] = [];
      for await (const { type } of readEvents(server.url, id)) {
        types.push(type);
        if (type === "turn-end") break;
      }
      expect(types).toEqual(["turn-start", "turn-end"]);
    });
  }
});

test("an event beyond the limit that a worker writes itself ends its turn", async () => {
  await using server = await startServer("endure-forges.ts:agent");
  const line = JSON.stringify({ type: "text-delta", delta: "x".repeat(1024 * 1024) });
  const session = await server.turn(await server.createSession(), line);
  expect(session.error).toBe("Worker process exited unexpectedly (event beyond the limit on its channel)");
});

test("questions beyond the limits that a worker asks itself end its turn", async () => {
  await using server = await startServer("endure-forges.ts:asks");
  for (const [length, times] of [
    [256 * 1024, 1],
    [1, 101],
  ]) {
    const sessionId = await server.createSession();
    await server.request("POST", `/sessions/${sessionId}/messages`, { content: `[${length},${times}]` });
    const session = async () => (await server.request("GET", `/sessions/${sessionId}`)).body;
    await until("the turn has ended", async () => (await session()).status === "error");
    expect((await session()).error).toBe(
      "Worker process exited unexpectedly (question beyond the limits on its channel)",
    );
  }
});

test("POST /resume refuses an answer for a turn that is being cancelled, however often it is given", async () => {
  await using server = await startServer("endure-forges.ts:stubborn");
  const sessionId = await server.createSession();
  await server.request("POST", `/sessions/${sessionId}/messages`, { content: "x" });
  const { interrupts } = await settled(server, sessionId);
  const question = { sessionId, interruptId: interrupts![0]!.interrupt_id };
  const cancelling = server.request("POST", `/sessions/${sessionId}/cancel`);
  await server.request("GET", "/health");
  const answers = [await answer(server, question, "yes"), await answer(server, question, "yes")];
  await cancelling;
  answers.push(await answer(server, question, "yes"));
  expect(answers.map(({ status }) => status)).toEqual([409, 409, 409]);
});
