import { afterEach, describe, expect, test } from "bun:test";
import { fileURLToPath } from "node:url";
import { AgentServer, type AgentServerOptions, MotusError } from "motus-serve";
import * as everything from "../src/index.ts";
import * as inWorkers from "../src/worker/api.ts";
import { descendants } from "./helpers/processes.ts";

const folder = fileURLToPath(new URL("fixtures/agents/", import.meta.url));

describe("new AgentServer()", () => {
  for (const [options, words] of [
    [{ port: 70_000 }, "Cannot use 70000 as port: it takes a whole number from 0 to 65535"],
    [{ workers: 0 }, "Cannot use 0 as workers: it takes a whole number from 1 to"],
    [{ workers: 1.5 }, "Cannot use 1.5 as workers"],
    [{ standby: -1 }, "Cannot use -1 as standby"],
    [{ timeout: Number.NaN }, "Cannot use NaN as timeout: it takes a number from 0 to"],
    [{ maxCpu: 1.5 }, "Cannot use 1.5 as maxCpu: it takes a whole number from 0 to"],
    [{ maxMemory: 31 }, "Cannot use 31 as maxMemory: no worker runs in less than 32 MB"],
    [{ maxMemory: -1 }, "Cannot use -1 as maxMemory"],
    [{ corsOrigins: ["app.example.com"] }, 'Cannot use "app.example.com" as a CORS origin'],
    [{ corsOrigins: ["https://app.example.com/path"] }, "scheme, host and port only"],
  ] as [AgentServerOptions, string][]) {
    test(`refuses ${JSON.stringify(options)}`, () => {
      const make = () => new AgentServer("echo.ts:agent", options);
      expect(make).toThrow(words);
      expect(make).toThrow(expect.objectContaining({ code: "option_invalid" }));
    });
  }

  describe("on another system than Linux", () => {
    const platform = Object.getOwnPropertyDescriptor(process, "platform") ?? {};
    afterEach(() => Object.defineProperty(process, "platform", platform));
    for (const options of [{ maxCpu: 1 }, { maxMemory: 100 }]) {
      test(`refuses ${JSON.stringify(options)} instead of not limiting anything`, () => {
        Object.defineProperty(process, "platform", { ...platform, value: "darwin" });
        expect(() => new AgentServer("echo.ts:agent", options)).toThrow(/^Cannot limit .* it needs Linux/);
      });
    }
  });

  describe("below servers and workers", () => {
    afterEach(() => {
      delete process.env.MOTUS_DEPTH;
    });
    test("refuses to go deeper and deeper", () => {
      process.env.MOTUS_DEPTH = "3";
      expect(() => new AgentServer("echo.ts:agent")).toThrow("it is 3 servers deep in workers already");
    });
  });
});

describe("AgentServer.app", () => {
  test("answers and runs turns without listen()", async () => {
    const server = new AgentServer("echo.ts:agent", { folder, standby: 0 });
    const handle = async (method: string, path: string, body?: object) => {
      const init = {
        method,
        ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
      };
      return (await server.app.handle(new Request(`http://localhost${path}`, init))).json();
    };
    const { session_id } = await handle("POST", "/sessions");
    await handle("POST", `/sessions/${session_id}/messages`, { content: "hi" });
    expect(await handle("GET", `/sessions/${session_id}?wait=true`)).toMatchObject({
      response: { content: "echo: hi" },
    });
    expect(await handle("GET", "/nowhere")).toMatchObject({ status: 404, code: "route_not_found" });
    await server.stop();
  });
});

describe("AgentServer.listen()", () => {
  test("says where it listens and what it serves", async () => {
    const server = new AgentServer("forms.ts:asyncGenerator", { folder, port: 0 });
    const listening = await server.listen();
    expect(listening).toEqual({
      url: `http://127.0.0.1:${listening.port}`,
      port: expect.any(Number),
      agent: "async generator",
    });
    await server.stop();
  });

  test("refuses a port that is in use, and leaves nothing running", async () => {
    const first = new AgentServer("echo.ts:agent", { folder, port: 0 });
    const { port } = await first.listen();
    const processes = descendants(process.pid).length;
    const second = new AgentServer("echo.ts:agent", { folder, port });
    await expect(second.listen()).rejects.toMatchObject({ code: "address_unavailable" });
    await expect(second.listen()).rejects.toThrow(`Cannot listen on 127.0.0.1:${port}: the port is in use`);
    expect(descendants(process.pid).length).toBeLessThanOrEqual(processes);
    await first.stop();
  });

  test("refuses an agent that does not load, and closes its port", async () => {
    const server = new AgentServer("forms.ts:number", { folder, port: 0 });
    await expect(server.listen()).rejects.toMatchObject({ code: "agent_invalid" });
    await server.listen().catch(() => {});
    const before = descendants(process.pid);
    expect(before).toEqual([]);
  });
});

describe("AgentServer.stop()", () => {
  test("during listen() or before it leaves nothing running", async () => {
    for (const stopFirst of [false, true]) {
      const server = new AgentServer("echo.ts:agent", { folder, port: 0 });
      if (stopFirst) await server.stop({ now: true });
      const listening = server.listen();
      const stopping = server.stop({ now: true });
      await expect(listening).rejects.toMatchObject({ code: stopFirst ? "already_used" : "shutting_down" });
      await stopping;
      expect(descendants(process.pid)).toEqual([]);
    }
  });

  test("is not undone by listening twice", async () => {
    const server = new AgentServer("echo.ts:agent", { folder, port: 0 });
    await server.listen();
    await expect(server.listen()).rejects.toMatchObject({ code: "already_used" });
    await server.stop();
    await expect(server.listen()).rejects.toMatchObject({ code: "already_used" });
  });
});

describe("MotusError", () => {
  test("is known across copies of the package", () => {
    const error = new MotusError("session_busy", "Session is running");
    expect(MotusError.isInstance(error)).toBe(true);
    expect(MotusError.isInstance({ [Symbol.for("motus.error")]: true })).toBe(true);
    expect(MotusError.isInstance(new Error("x"))).toBe(false);
    expect([error.name, error.code, error.status, error.title]).toEqual([
      "MotusError",
      "session_busy",
      409,
      "The session is busy",
    ]);
  });
});

test("a worker can import from motus-serve all that a server can", () => {
  expect(Object.keys(inWorkers).sort()).toEqual(Object.keys(everything).sort());
});
