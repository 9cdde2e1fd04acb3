import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { descendants } from "../helpers/processes.ts";
import { startServer } from "../helpers/start-server.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";

describe("AgentServer.stop()", () => {
  test("refuses new turns, lets accepted ones end and answers who waits for them", async () => {
    await using gate = createGate();
    const others = descendants(process.pid).length;
    await using server = await startServer("waits.ts:agent", { workers: 1, standby: 1 });
    const ids = await Promise.all([1, 2, 3].map(() => server.createSession()));
    for (const id of ids.slice(0, 2))
      await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    const waits = ids.slice(0, 2).map((id) => server.request("GET", `/sessions/${id}?wait=true`));
    await server.request("GET", "/health");
    const stopped = server.server.stop();
    const refused = await server.request("POST", `/sessions/${ids[2]}/messages`, { content: gate.url });
    expect(refused.body).toMatchObject({ status: 503, code: "shutting_down" });
    expect(refused.headers.get("retry-after")).toBe("1");
    expect((await server.request("GET", "/ready")).status).toBe(503);
    gate.open();
    for (const { body } of await Promise.all(waits))
      expect(body).toMatchObject({ status: "idle", response: { content: "open" } });
    await stopped;
    await expect(fetch(server.url)).rejects.toThrow();
    expect(descendants(process.pid)).toHaveLength(others);
  });

  test("cancels what still runs or waits when the time is over", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent", { workers: 1, shutdownTimeout: 0.1 });
    const ids = await Promise.all([1, 2].map(() => server.createSession()));
    for (const id of ids) await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    const waits = ids.map((id) => server.request("GET", `/sessions/${id}?wait=true`));
    await server.request("GET", "/health");
    await server.server.stop();
    const ended = (await Promise.all(waits)).map(({ body }) => body);
    for (const session of ended) {
      expect(session).toMatchObject({
        status: "idle",
        error: "Turn cancelled",
        turn: { outcome: "cancelled" },
      });
    }
    expect(ended.map(({ turn }) => turn.started_at === null).sort()).toEqual([false, true]);
  });

  test.each([
    [10, ["completed"]],
    [0, ["completed", "cancelled"]],
  ])("loses no turn that is being accepted when it is called (%d s)", async (shutdownTimeout, allowed) => {
    using folder = temporaryFolder();
    const options = { store: `sqlite:${folder.path}/motus.sqlite`, workers: 4, shutdownTimeout };
    for (const ticks of [0, 9, 11, 13, 15]) {
      const server = await startServer("echo.ts:agent", options);
      const ids = await Promise.all(Array.from({ length: 4 }, () => server.createSession()));
      const answers = ids.map((id) =>
        server.server.app.handle(
          new Request(`${server.url}/sessions/${id}/messages`, {
            method: "POST",
            body: JSON.stringify({ content: "hi" }),
            headers: { "content-type": "application/json" },
          }),
        ),
      );
      for (let tick = 0; tick < ticks; tick += 1) await Promise.resolve();
      await server.server.stop();
      const statuses = (await Promise.all(answers)).map(({ status }) => status);
      await using next = await startServer("echo.ts:agent", options);
      for (const [index, id] of ids.entries()) {
        expect(statuses[index]).toBeOneOf([202, 503]);
        const { turn } = (await next.request("GET", `/sessions/${id}?wait=true`)).body;
        expect(turn?.outcome).toBeOneOf(statuses[index] === 202 ? allowed : [undefined]);
      }
    }
  });

  test("ends at once when it is asked again with now", async () => {
    await using gate = createGate();
    await using server = await startServer("waits.ts:agent");
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    const patient = server.server.stop();
    await server.server.stop({ now: true });
    await patient;
    await expect(fetch(server.url)).rejects.toThrow();
  });

  test("can be called without listen(), and twice", async () => {
    await using server = await startServer("echo.ts:agent");
    await server.server.stop();
    await server.server.stop();
  });
});
