/** Cancelling turns, their receipts and what they wrote. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createGate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

let server: TestServer;
beforeAll(async () => {
  server = await startServer("live.ts:agent", { standby: 1 });
});
afterAll(() => server[Symbol.asyncDispose]());

const cancel = (id: string, on = server) => on.request("POST", `/sessions/${id}/cancel`);

describe("POST /sessions/{id}/cancel", () => {
  test("answers when the turn has ended, with the state as before, and the session can be used at once", async () => {
    await using gate = createGate();
    const id = await server.createSession({ state: [{ role: "user", content: "before" }] });
    await server.request("POST", `/sessions/${id}/messages`, { content: `write ${gate.url}` });
    await gate.arrivals(1);
    const wait = server.request("GET", `/sessions/${id}?wait=true`);
    await server.request("GET", "/ready");
    const { status, body, headers } = await cancel(id);
    expect([status, headers.get("location")]).toEqual([202, `/sessions/${id}`]);
    expect(body).toMatchObject({
      status: "idle",
      response: null,
      error: "Turn cancelled",
      turn: { outcome: "cancelled", signal: "SIGKILL" },
    });
    expect((await wait).body).toEqual(body);
    expect((await server.request("GET", "/health")).body.running_workers).toBe(0);
    expect((await server.request("GET", `/sessions/${id}/messages`)).body).toEqual([
      { role: "user", content: "before" },
    ]);
    expect((await server.turn(id, "all")).status).toBe("idle");
  });

  test("cancels a turn that waits in the queue, and one that asks", async () => {
    await using gate = createGate();
    await using narrow = await startServer("live.ts:agent", { workers: 1 });
    const [busy, queued, asking] = [
      await narrow.createSession(),
      await narrow.createSession(),
      await narrow.createSession(),
    ];
    await narrow.request("POST", `/sessions/${asking}/messages`, { content: "ask x" });
    await narrow.request("GET", `/sessions/${asking}?wait=true`);
    await narrow.request("POST", `/sessions/${busy}/messages`, { content: `write ${gate.url}` });
    await gate.arrivals(1);
    await narrow.request("POST", `/sessions/${queued}/messages`, { content: "all" });
    expect((await cancel(queued, narrow)).body).toMatchObject({
      status: "idle",
      turn: {
        outcome: "cancelled",
        started_at: null,
        duration_ms: null,
        cpu_ms: null,
        exit_code: null,
        signal: null,
      },
    });
    expect((await cancel(asking, narrow)).body).toMatchObject({
      status: "idle",
      interrupts: null,
      turn: { outcome: "cancelled" },
    });
    expect((await narrow.request("GET", "/health")).body).toMatchObject({
      running_workers: 1,
      queued_turns: 0,
      interrupted_turns: 0,
    });
    gate.open();
    expect((await narrow.request("GET", `/sessions/${busy}?wait=true`)).body.status).toBe("idle");
  });

  test("gives the agent its signal and a moment", async () => {
    const id = await server.createSession();
    await server.request("POST", `/sessions/${id}/messages`, { content: "listen-and-ask" });
    await server.request("GET", `/sessions/${id}?wait=true`);
    const { body } = await cancel(id);
    const logs = await server.request("GET", `/sessions/${id}/turns/${body.turn.turn_id}/logs`);
    expect(logs.body.stdout.entries.map(({ text }: { text: string }) => text).join("")).toBe(
      "told to stop\n",
    );
  });

  test("refuses when nothing runs", async () => {
    const id = await server.createSession();
    expect((await cancel(id)).body).toMatchObject({ status: 409, code: "session_not_running" });
    expect((await cancel(crypto.randomUUID())).body).toMatchObject({
      status: 404,
      code: "session_not_found",
    });
  });
});

describe("GET /sessions/{id}/turns", () => {
  test("holds a receipt for every outcome", async () => {
    await using hurried = await startServer("ends.ts:agent", { timeout: 1 });
    const id = await hurried.createSession();
    for (const way of ["ok", "throws an error", "exits with 3", "never answers"]) await hurried.turn(id, way);
    const { body } = await hurried.request("GET", `/sessions/${id}/turns`);
    expect(body.map(({ outcome }: { outcome: string }) => outcome)).toEqual([
      "completed",
      "failed",
      "crashed",
      "timed_out",
    ]);
    for (const turn of body) {
      expect(turn.duration_ms).toBeGreaterThanOrEqual(0);
      expect(turn.cpu_ms).toBeGreaterThan(0);
      expect(turn.max_rss_bytes).toBeGreaterThan(0);
      expect(Date.parse(turn.ended_at)).toBeGreaterThanOrEqual(Date.parse(turn.started_at));
      expect((await hurried.request("GET", `/sessions/${id}/turns/${turn.turn_id}`)).body).toEqual(turn);
    }
    expect(body[0]).toMatchObject({ error: null, stack: null });
    expect(body[1]).toMatchObject({
      error: "AgentProblem: no luck",
      stack: expect.stringContaining("ends.ts:"),
    });
    expect(body[3]).toMatchObject({ error: "Agent timed out", signal: "SIGKILL" });
  });

  test("says what tokens were used, also by a turn that crashed", async () => {
    const id = await server.createSession();
    await server.turn(id, "usage");
    const session = await server.turn(id, "usage and crash");
    const usage = { input_tokens: 11, output_tokens: 7, total_tokens: 19 };
    expect(session).toMatchObject({ status: "error", turn: { outcome: "crashed", usage } });
    expect((await server.request("GET", `/sessions/${id}/turns`)).body).toMatchObject([{ usage }, { usage }]);
  });

  test("knows no turn that was not or has not ended", async () => {
    const id = await server.createSession();
    expect((await server.request("GET", `/sessions/${id}/turns`)).body).toEqual([]);
    for (const path of [crypto.randomUUID(), "x", `${crypto.randomUUID()}/logs`]) {
      const { body } = await server.request("GET", `/sessions/${id}/turns/${path}`);
      expect(body).toMatchObject({ status: 404, code: "turn_not_found" });
    }
    expect((await server.request("GET", `/sessions/${crypto.randomUUID()}/turns`)).body.code).toBe(
      "session_not_found",
    );
  });
});

describe("GET /sessions/{id}/turns/{turn_id}/logs", () => {
  test("has what exactly this turn wrote, with times, also while it runs", async () => {
    await using gate = createGate();
    const id = await server.createSession();
    const other = await server.turn(id, "write");
    const { body: sent } = await server.request("POST", `/sessions/${id}/messages`, {
      content: `write ${gate.url}`,
    });
    await gate.arrivals(1);
    const logs = async (turnId: string) =>
      (await server.request("GET", `/sessions/${id}/turns/${turnId}/logs`)).body;
    const expected = (turnId: string) => ({
      turn_id: turnId,
      stdout: {
        entries: [{ time: expect.stringMatching(/^20.*Z$/), text: "to stdout\n" }],
        total_bytes: 10,
        cut_bytes: 0,
      },
      stderr: { entries: [{ time: expect.any(String), text: "to stderr\n" }], total_bytes: 10, cut_bytes: 0 },
    });
    expect(await logs(sent.turn_id)).toEqual(expected(sent.turn_id));
    gate.open();
    await server.request("GET", `/sessions/${id}?wait=true`);
    expect(await logs(sent.turn_id)).toEqual(expected(sent.turn_id));
    expect(await logs(other.turn?.turn_id ?? "")).toEqual(expected(other.turn?.turn_id ?? ""));
  });

  test("keeps the last 64 kB and says how much was cut", async () => {
    await using loud = await startServer("ends.ts:agent");
    const id = await loud.createSession();
    const session = await loud.turn(id, "writes and returns");
    const { stdout } = (await loud.request("GET", `/sessions/${id}/turns/${session.turn?.turn_id}/logs`))
      .body;
    const text = stdout.entries.map((entry: { text: string }) => entry.text).join("");
    expect(text).toHaveLength(65_536);
    expect(text).toEndWith("y\nthe last line\n");
    expect([stdout.total_bytes, stdout.cut_bytes]).toEqual([307_214, 307_214 - 65_536]);
  });
});
