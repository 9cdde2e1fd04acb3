import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "motus-serve";
import { createGate } from "../helpers/gate.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { until } from "../helpers/until.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "motus-watch-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
const says = (expression: string, imports = "") => `${imports}
export async function agent(message, state) {
  const response = { role: "assistant", content: String(await (${expression})) };
  return [response, [...state, message, response]];
}`;

async function start(lines: string[] = [], standby = 1): Promise<TestServer> {
  const log = (fields: object, text: string) => void lines.push(`${text} ${JSON.stringify(fields)}`);
  const logger: Logger = { debug() {}, info: log, warn: log, error: log };
  return startServer("agent.ts:agent", { folder, watch: true, standby, logger });
}

async function answer(server: TestServer): Promise<string | undefined> {
  const session = await server.turn(await server.createSession(), "hi");
  return session.response?.content ?? session.error ?? undefined;
}

describe("watch", () => {
  for (const standby of [0, 2]) {
    test(`runs a saved change from the very next turn on, with ${standby} standbys`, async () => {
      write("agent.ts", says('"version 0"'));
      await using server = await start([], standby);
      expect(await answer(server)).toBe("version 0");
      for (let version = 1; version < 6; version++) {
        write("agent.ts", says(`"version ${version}"`));
        expect(await answer(server)).toBe(`version ${version}`);
      }
    });
  }

  test("notices files that are imported, also those that were imported by a change, and files that are replaced", async () => {
    write("words.ts", 'export const words = "from words";');
    write("agent.ts", says("words", 'import { words } from "./words.ts";'));
    await using server = await start();
    expect(await answer(server)).toBe("from words");
    write("words.ts", 'export const words = "changed words";');
    expect(await answer(server)).toBe("changed words");
    write("more.ts", "export const more = 1;");
    write("agent.ts", says("more", 'import { more } from "./more.ts";'));
    expect(await answer(server)).toBe("1");
    write("draft.ts", "export const more = 2;");
    renameSync(join(folder, "draft.ts"), join(folder, "more.ts"));
    expect(await answer(server)).toBe("2");
  });

  test("has workers with the new code wait before anybody asks", async () => {
    write("agent.ts", says("process.pid"));
    const lines: string[] = [];
    await using server = await start(lines);
    write("agent.ts", says('"new " + process.pid'));
    await until("the change was noticed", () => lines.some((line) => line.includes("files have changed")));
    await until("a worker waits", async () => {
      const { body } = await server.request("GET", "/health");
      return body.standby_workers === 1;
    });
    expect(await answer(server)).toStartWith("new ");
  });

  test("lets a turn that runs finish on the old code", async () => {
    await using gate = createGate();
    const waiting = `fetch(${JSON.stringify(gate.url)}).then(() => "old")`;
    write("agent.ts", says(waiting));
    await using server = await start();
    const old = await server.createSession();
    await server.request("POST", `/sessions/${old}/messages`, { content: "hi" });
    await gate.arrivals(1);
    write("agent.ts", says('"new"'));
    expect(await answer(server)).toBe("new");
    gate.open();
    const { body } = await server.request("GET", `/sessions/${old}?wait=true`);
    expect(body.response.content).toBe("old");
  });

  test("shows an error in the new code in the log and in the next turn, and stays up", async () => {
    write("agent.ts", says('"good"'));
    const lines: string[] = [];
    await using server = await start(lines);
    write("agent.ts", "export const agent = ;");
    await until("the log says it", () => lines.some((line) => /standby worker ended.*agent\.ts/.test(line)));
    expect(await answer(server)).toContain("Cannot import the agent");
    expect((await server.request("GET", "/health")).status).toBe(200);
    rmSync(join(folder, "agent.ts"));
    expect(await answer(server)).toContain("Cannot find the agent's module");
    write("agent.ts", says('"good again"'));
    expect(await answer(server)).toBe("good again");
  });

  test("is off unless it is asked for", async () => {
    write("agent.ts", says('"one"'));
    await using server = await startServer("agent.ts:agent", { folder, standby: 1 });
    await until(
      "a worker waits",
      async () => (await server.request("GET", "/health")).body.standby_workers === 1,
    );
    write("agent.ts", says('"two"'));
    expect(await answer(server)).toBe("one");
  });
});
