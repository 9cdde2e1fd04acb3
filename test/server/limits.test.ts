/** Agents that use too much, with real workers: the turn ends and says why, and everything else goes on. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import type { AgentServerOptions, SessionView } from "motus-serve";
import { memoryGroups } from "../helpers/memory-groups.ts";
import { descendants } from "../helpers/processes.ts";
import { readEvents } from "../helpers/read-events.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

const megabyte = 1024 * 1024;
// A turn that uses up a second of processor time takes longer where others compute too.
setDefaultTimeout(30_000);

/** Ends a turn in this way while another session has turns; everything is as before afterwards. */
async function endAlone(server: TestServer, way: string): Promise<SessionView> {
  const other = await server.createSession();
  let isOver = false;
  const others = (async () => {
    while (!isOver) expect((await server.turn(other, "ok")).turn?.outcome).toBe("completed");
  })();
  const id = await server.createSession();
  const session = await server.turn(id, way);
  isOver = true;
  await others;
  const kept = session.turn?.outcome === "completed" ? 2 : 0;
  expect((await server.request("GET", `/sessions/${id}/messages`)).body).toHaveLength(kept);
  expect((await server.turn(id, "ok")).turn?.outcome).toBe("completed");
  return session;
}

const exceeded = (outcome: string, error: string) => ({
  status: "error",
  error,
  response: null,
  turn: { outcome, exit_code: null, signal: "SIGKILL" },
});

async function serve(options: AgentServerOptions): Promise<TestServer> {
  return startServer("hungry.ts:agent", { workers: 2, standby: 1, ...options });
}

/** Processes of this one, and the control groups that it has made, before a server and after it. */
async function leavesNothing(use: () => Promise<void>): Promise<void> {
  const before = { groups: memoryGroups(), processes: descendants(process.pid) };
  await use();
  // What a server has left that was killed before goes with it.
  expect(memoryGroups().filter((group) => !before.groups.includes(group))).toEqual([]);
  await until("no process is left", () =>
    descendants(process.pid).every((pid) => before.processes.includes(pid)),
  );
}

describe("--max-memory", () => {
  for (const way of ["eats memory", "lets a child eat memory"]) {
    test(`ends a turn that ${way} as out_of_memory`, () =>
      leavesNothing(async () => {
        await using server = await serve({ maxMemory: 250 });
        const session = await endAlone(server, way);
        expect(session).toMatchObject({
          status: "error",
          error:
            "Agent used more than 250 MB of memory: hold less, or start the server with a larger --max-memory",
          turn: { outcome: "out_of_memory" },
        });
        const standby = async () => (await server.request("GET", "/health")).body.standby_workers === 1;
        await until("there is a standby again", standby);
      }));
  }

  test("refuses to serve an agent that does not fit before its first turn, and says why", () =>
    leavesNothing(async () => {
      const starting = startServer("import-eats-memory.ts:agent", { maxMemory: 250, standby: 1 });
      await expect(starting).rejects.toThrow(
        "Cannot load the agent: it used more than 250 MB of memory: hold less, or start the server with a larger --max-memory",
      );
    }));
});

describe("--max-cpu", () => {
  for (const standby of [0, 1]) {
    test(`ends a turn that computes for longer, with ${standby} on standby`, async () => {
      await using server = await serve({ maxCpu: 1, standby });
      const session = await endAlone(server, "spins");
      const error =
        "Agent used more than 1 s of processor time: compute less, or start the server with a larger --max-cpu";
      expect(session).toMatchObject(exceeded("timed_out", error));
      expect(session.turn?.cpu_ms).toBeLessThan(3_000);
    });
  }

  test("cannot be caught", async () => {
    await using server = await serve({ maxCpu: 1 });
    expect((await endAlone(server, "spins and will not die")).turn?.outcome).toBe("timed_out");
  });

  test("lets a turn use what it may", async () => {
    await using server = await serve({ maxCpu: 1 });
    expect((await endAlone(server, "computes for half a second")).turn?.outcome).toBe("completed");
  });
});

describe("--max-output", () => {
  const wrote = (bytes: number) =>
    `wrote more than ${bytes} bytes to stdout and stderr: write less, or start the server with a larger --max-output`;

  test("ends a turn that writes more, and keeps the end of what it wrote", async () => {
    await using server = await serve({ maxOutput: 4 * megabyte });
    const session = await endAlone(server, "floods its logs");
    expect(session).toMatchObject(exceeded("failed", `Agent ${wrote(4 * megabyte)}`));
    const logs = await server.request(
      "GET",
      `/sessions/${session.session_id}/turns/${session.turn?.turn_id}/logs`,
    );
    const written = logs.body.stdout.total_bytes + logs.body.stderr.total_bytes;
    expect(written).toBeGreaterThan(4 * megabyte);
    expect(written).toBeLessThan(10 * megabyte);
  });

  test("counts what an agent writes while it is loaded", async () => {
    const starting = startServer("import-writes.ts:agent", { maxOutput: megabyte });
    await expect(starting).rejects.toThrow(`Cannot load the agent: it ${wrote(megabyte)}`);
  });
});

describe("--max-events", () => {
  const error = "Agent said more than 100 events: say less, or start the server with a larger --max-events";
  for (const way of ["floods its events", "floods the channel itself"]) {
    test(`ends a turn that ${way}, after the last event that it may say`, async () => {
      await using server = await serve({ maxEvents: 100 });
      const session = await endAlone(server, way);
      expect(session).toMatchObject({ status: "error", error, turn: { outcome: "failed" } });
      await using events = await readEvents(`${server.url}/sessions/${session.session_id}/events?after=0`);
      const types = (await events.until("turn-end")).map(({ event }) => event);
      expect(types).toEqual(["turn-start", ...Array.from({ length: 100 }, () => "text-delta"), "turn-end"]);
    });
  }

  test("lets a turn say as many as it may", async () => {
    await using server = await serve({ maxEvents: 10 });
    expect((await endAlone(server, "says ten things")).turn?.outcome).toBe("completed");
  });
});

test("without limits none of these is counted", async () => {
  await using server = await serve({});
  const descriptors = readdirSync("/proc/self/fd").length;
  for (const way of ["computes for half a second", "floods its logs", "says ten things"])
    expect((await endAlone(server, way)).turn?.outcome).toBe("completed");
  await until("no descriptor is left", () => readdirSync("/proc/self/fd").length <= descriptors + 4);
});
