/** A server whose disk is full: what it says, what it keeps, and that it goes on by itself. */
import { describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { smallDisk, smallDiskProblem } from "../helpers/small-disk.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

/** Makes sessions, smaller and smaller ones, until the store takes nothing any more. Returns the last answer. */
async function writeUntilRefused(server: TestServer) {
  for (const size of [20_000, 1_000, 0]) {
    const metadata = { text: "x".repeat(size) };
    for (let i = 0; i < 1_000; i++) {
      const answer = await server.request("POST", "/sessions", { metadata });
      if (answer.status !== 201 && size === 0) return answer;
      if (answer.status !== 201) break;
    }
  }
  throw new Error("The disk is not full");
}

const why = smallDiskProblem();
describe.skipIf(why !== undefined)(`a full disk${why === undefined ? "" : ` (skipped: ${why})`}`, () => {
  test("is a 503 to whoever wants to save, and costs no turn that runs or waits", async () => {
    await using gate = createGate();
    using disk = smallDisk(6);
    await using server = await startServer("waits.ts:agent", {
      store: `sqlite:${disk.path}/motus.sqlite`,
      workers: 1,
    });
    const [running, waiting, idle] = [
      await server.createSession(),
      await server.createSession(),
      await server.createSession(),
    ];
    for (const id of [running, waiting]) {
      const sent = await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
      expect(sent.status).toBe(202);
    }
    await gate.arrivals(1);
    disk.fill();

    const refused = await writeUntilRefused(server);
    expect(refused).toMatchObject({
      status: 503,
      body: {
        code: "store_unavailable",
        detail: expect.stringContaining("the disk is full; free some space"),
      },
    });
    expect(refused.headers.get("retry-after")).toBe("2");
    expect(await server.request("GET", "/ready")).toMatchObject({
      status: 503,
      body: { code: "store_unavailable" },
    });
    expect((await server.request("GET", "/health")).status).toBe(200);
    for (const [method, path, body] of [
      ["POST", `/sessions/${idle}/messages`, { content: gate.url }],
      ["PATCH", `/sessions/${idle}`, { metadata: {} }],
      ["DELETE", `/sessions/${idle}`, undefined],
      ["POST", `/sessions/${running}/cancel`, undefined],
    ] as const) {
      const answer = await server.request(method, path, body);
      expect([method, answer.status, answer.body.code]).toEqual([method, 503, "store_unavailable"]);
    }
    expect((await server.request("GET", `/sessions/${idle}`)).body).toMatchObject({ status: "idle" });

    gate.open(); // The turn ends now, and its end has to wait for room.
    const ends = [running, waiting].map((id) => server.request("GET", `/sessions/${id}?wait=true`));
    expect((await server.request("GET", `/sessions/${running}`)).body).toMatchObject({ status: "running" });
    disk.empty();
    for (const { body } of await Promise.all(ends)) {
      expect(body).toMatchObject({
        status: "idle",
        response: { content: "open" },
        turn: { outcome: "completed" },
      });
    }
    await until("it is ready again", async () => (await server.request("GET", "/ready")).status === 200);
    expect((await server.turn(idle, gate.url)).response).toMatchObject({ content: "open" });
  });

  test("does not keep a server from stopping; what could not be recorded is lost and says so", async () => {
    await using gate = createGate();
    using disk = smallDisk(6);
    const options = { store: `sqlite:${disk.path}/motus.sqlite`, workers: 1, shutdownTimeout: 0 };
    const server = await startServer("waits.ts:agent", options);
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: gate.url });
    await gate.arrivals(1);
    disk.fill();
    await writeUntilRefused(server);
    await server.server.stop();
    disk.empty();
    await using again = await startServer("waits.ts:agent", options);
    expect((await again.request("GET", `/sessions/${id}`)).body).toMatchObject({
      status: "error",
      error: expect.stringContaining("Turn lost"),
      turn: { outcome: "lost" },
    });
  });
});
