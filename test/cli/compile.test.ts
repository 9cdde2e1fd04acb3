import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../helpers/until.ts";
import { Output, runCli, startCli } from "./run-cli.ts";

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function emptyFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "motus-compile-"));
  folders.push(folder);
  return folder;
}

const cost = {
  cpu_ms: expect.any(Number),
  wall_ms: expect.any(Number),
  private_bytes: expect.any(Number),
  max_rss_bytes: expect.any(Number),
};

/** Most of them build an executable; the machine may be busy. */
const timeoutMs = 120_000;

describe("motus compile", () => {
  test(
    "compiles an agent's packages once, and a server finds it at once",
    async () => {
      const cacheDir = emptyFolder();
      const agent = "../sdks/openai-agents.ts:agent";
      const flags = [agent, "--cache-dir", cacheDir];
      const environment = { OPENAI_API_KEY: "none" };
      const first = await runCli(["compile", ...flags, "--json"], { environment });
      expect(first.stderr).toBe("");
      const report = JSON.parse(first.stdout);
      expect(report).toEqual({
        agent,
        kind: "OpenAI Agents SDK agent",
        warnings: [],
        compilation: {
          status: "compiled",
          was_there: false,
          why: null,
          executable: expect.stringContaining(cacheDir),
          bytes: statSync(report.compilation.executable).size,
          packages: ["@openai/agents", "zod"],
          build_ms: expect.any(Number),
        },
        starts: { runs: 3, source: cost, compiled: cost },
      });
      expect(first.exitCode).toBe(0);

      const second = await runCli(["compile", ...flags], { environment });
      expect(second.stderr).toBe("");
      expect(second.stdout).toMatch(
        new RegExp(
          [
            /^agent {5}\.\.\/sdks\/openai-agents\.ts:agent: OpenAI Agents SDK agent/,
            /compiled {2}yes, \d+\.\d MB, was there already \(built in \d+\.\d s\)/,
            /packages {2}@openai\/agents, zod/,
            /file {6}\/.*\n/,
            /start of a worker +CPU ms +wall ms +MB/,
            /from source( +\d+\.\d){3}/,
            /compiled( +\d+\.\d){3}/,
            /saved( +-?\d+ %){3}\n/,
            /Medians of 3 starts/,
          ]
            .map(({ source }) => source)
            .join("\n"),
        ),
      );
      expect(second.exitCode).toBe(0);

      await using server = startCli(["serve", "start", ...flags, "--port", "0", "--standby", "1"]);
      const output = new Output(server.stdout);
      await output.until(/"msg":"serving /);
      expect(output.text).toContain('"msg":"workers start compiled"');
    },
    timeoutMs,
  );

  test(
    "compiles the runtime of workers for an agent without packages",
    async () => {
      const { stdout, stderr, exitCode } = await runCli(["compile", "echo.ts:agent"], {
        environment: { XDG_CACHE_HOME: emptyFolder() },
      });
      expect(stderr).toBe("");
      expect(stdout).toMatch(/^agent {5}echo\.ts:agent: function\ncompiled {2}yes, .* built in /);
      expect(stdout).toContain("\npackages  none, only the worker's own runtime\n");
      expect(exitCode).toBe(0);
    },
    timeoutMs,
  );

  test("says why a program is not compiled, and exits with 1", async () => {
    const flags = ["compile", "changes-loading.ts:agent", "--cache-dir", emptyFolder()];
    const why = /changes-loading\.ts changes how modules are loaded$/;
    const { stdout, stderr, exitCode } = await runCli(flags);
    expect(stdout).toBe("");
    expect(stderr).toStartWith("Error: Cannot compile changes-loading.ts:agent: /");
    expect(stderr.trimEnd()).toMatch(why);
    expect(exitCode).toBe(1);

    const json = await runCli([...flags, "--json"]);
    expect(JSON.parse(json.stdout)).toMatchObject({
      kind: "function",
      compilation: { status: "refused", was_there: false, why: expect.stringMatching(why), executable: null },
      starts: { source: cost, compiled: null },
    });
    expect(json.stderr).toBe(stderr);
    expect(json.exitCode).toBe(1);
  });

  test(
    "remembers that an agent does not load when it is compiled",
    async () => {
      const flags = ["compile", "fails-compiled.ts:agent", "--json", "--cache-dir", emptyFolder()];
      for (const wasThere of [false, true]) {
        const { stdout, stderr, exitCode } = await runCli(flags);
        expect(JSON.parse(stdout).compilation).toMatchObject({ status: "refused", was_there: wasThere });
        expect(stderr).toContain("the agent does not load when its packages are compiled: ");
        expect(stderr).toContain("started from something else");
        expect(exitCode).toBe(1);
      }
    },
    timeoutMs,
  );

  test("exits with 1 when the cache cannot be written", async () => {
    const file = join(emptyFolder(), "file");
    writeFileSync(file, "");
    const { stdout, stderr, exitCode } = await runCli(["compile", "echo.ts:agent", "--cache-dir", file]);
    expect(stdout).toBe("");
    expect(stderr).toMatch(/^Error: Cannot compile echo\.ts:agent: ENOTDIR/);
    expect(exitCode).toBe(1);
  });

  test.each([
    ["import-throws.ts:agent", 'Error: Cannot import the agent "import-throws.ts:agent": RangeError: broken'],
    ["echo.ts:nobody", 'Error: Cannot serve "echo.ts:nobody": '],
    ["nowhere.ts:agent", `Error: Cannot find the agent's module "nowhere.ts": `],
  ])("%s does not load: it says why and exits with 2", async (agent, message) => {
    const cacheDir = emptyFolder();
    const { stdout, stderr, exitCode } = await runCli(["compile", agent, "--cache-dir", cacheDir]);
    expect(stdout).toBe("");
    expect(stderr).toContain(message);
    expect(exitCode).toBe(2);
    expect(readdirSync(cacheDir).filter((name) => name.startsWith("executable-"))).toEqual([]);
  });

  test("leaves nothing half done when it is stopped", async () => {
    const cacheDir = emptyFolder();
    await using child = startCli(["compile", "echo.ts:agent", "--cache-dir", cacheDir]);
    const drafts = () => readdirSync(cacheDir).filter((name) => name.startsWith("draft-"));
    await until("the build has begun", () => drafts().length > 0);
    child.kill("SIGTERM");
    expect(await new Output(child.stdout).end()).toBe("");
    expect(await child.exited).toBe(143);
    expect(drafts()).toEqual([]);
  });
});
