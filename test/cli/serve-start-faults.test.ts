/** What happens to a served agent's server, and to its workers, when one of them goes wrong. */
import { describe, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MotusClient } from "motus-serve/client";
import { createGate } from "../helpers/gate.ts";
import { descendants, isAlive } from "../helpers/processes.ts";
import { until } from "../helpers/until.ts";
import { mainFile, Output, startCli } from "./run-cli.ts";

async function serve(agent: string) {
  const child = startCli(["serve", "start", agent, "--port", "0", "--standby", "1"]);
  const [, url] = await new Output(child.stdout).until(/"url":"(http:[^"]*)"/);
  const client = new MotusClient(url as string);
  const turn = async (content: string) => {
    const { session_id } = await client.createSession();
    await client.send(session_id, content);
    return client.wait(session_id);
  };
  return { child, client, turn, [Symbol.asyncDispose]: async () => child.kill("SIGKILL") };
}

describe("a server", () => {
  test("outlives bytes on a worker's channel that are no message, and so do other turns", async () => {
    await using server = await serve("ends.ts:agent");
    const other = server.turn("never answers");
    other.catch(() => {}); // The server ends with the test.
    for (let i = 0; i < 5; i++) {
      for (const way of ["writes a broken frame", "writes garbage"]) {
        expect(await server.turn(way)).toMatchObject({
          status: "error",
          error: "Worker process exited unexpectedly (channel closed)",
          turn: { outcome: "crashed" },
        });
      }
    }
    expect(await server.turn("ok")).toMatchObject({ status: "idle", response: { content: "ok" } });
    expect(await server.client.health()).toMatchObject({ running_workers: 1, total_sessions: 12 });
  });

  test("keeps its own settings in .env from the agent, and hands on the rest", async () => {
    const folder = mkdtempSync(join(tmpdir(), "motus-env-"));
    writeFileSync(join(folder, ".env"), "MOTUS_TOKEN=secret\nWEATHER_KEY=public\n");
    writeFileSync(
      join(folder, "agent.ts"),
      "export const agent = (m) => [{ role: 'assistant', content: JSON.stringify([process.env.MOTUS_TOKEN ?? null, process.env.WEATHER_KEY]) }, []];",
    );
    const environment = { ...process.env };
    delete environment.MOTUS_TOKEN;
    await using child = Bun.spawn(
      [process.execPath, mainFile, "serve", "start", "agent.ts:agent", "--port", "0"],
      {
        cwd: folder,
        env: environment,
        stdout: "pipe",
      },
    );
    const [, url] = await new Output(child.stdout).until(/"url":"(http:[^"]*)"/);
    const client = new MotusClient(url as string, { token: "secret" });
    const { session_id } = await client.createSession();
    await client.send(session_id, "hi");
    expect(JSON.parse((await client.wait(session_id)).response?.content ?? "")).toEqual([null, "public"]);
    rmSync(folder, { recursive: true });
  });

  test("that is killed takes its workers with it, busy, waiting and in a loop", async () => {
    await using gate = createGate();
    await using waiting = await serve("waits.ts:agent");
    await using spinning = await serve("ends.ts:agent");
    waiting.turn(gate.url).catch(() => {});
    spinning.turn("spins").catch(() => {});
    await gate.arrivals(1);
    await until("the loop runs", async () => (await spinning.client.health()).running_workers === 1);
    const workers = [waiting, spinning].flatMap(({ child }) => descendants(child.pid));
    expect(workers.length).toBeGreaterThanOrEqual(2);
    for (const { child } of [waiting, spinning]) child.kill("SIGKILL");
    await until("all workers are gone", () => workers.every((pid) => !isAlive(pid)));
  });

  test("that is killed takes along what its workers have started, in a session of its own too", async () => {
    await using server = await serve("ends.ts:agent");
    const before = new Set(descendants(server.child.pid));
    // The turn is over when the answer comes, so the one to look at is one that goes on.
    server.turn("starts children and never answers").catch(() => {});
    let started: number[] = [];
    await until("its children run", () => {
      started = descendants(server.child.pid).filter((pid) => !before.has(pid));
      return started.filter((pid) => nameOf(pid) === "sleep").length === 3;
    });
    server.child.kill("SIGKILL");
    await until("they are gone", () => !started.some(isAlive));
  });
});

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return ""; // It ended while we looked.
  }
}
