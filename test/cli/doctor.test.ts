import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { sandboxProblem } from "../helpers/sandbox-problem.ts";
import { type CliOptions, runCli } from "./run-cli.ts";

const cacheDir = mkdtempSync(join(tmpdir(), "motus-doctor-"));
afterAll(() => rmSync(cacheDir, { recursive: true, force: true }));

const doctor = (parameters: string[], options?: CliOptions) =>
  runCli(["doctor", ...parameters, "--cache-dir", cacheDir], options);

const time = { cpu_ms: expect.any(Number), wall_ms: expect.any(Number) };
const cost = { ...time, private_bytes: expect.any(Number), max_rss_bytes: expect.any(Number) };
const machine = {
  bun: Bun.version,
  platform: process.platform,
  arch: process.arch,
  cpus: availableParallelism(),
  proc: true,
  sandbox: sandboxProblem() === undefined,
};
/** Some of it builds an executable; the machine may be busy. */
const timeoutMs = 120_000;

describe("motus doctor", () => {
  test(
    "reports what an agent of an SDK is, what its import takes, and builds nothing",
    async () => {
      const agent = "../sdks/openai-agents.ts:agent";
      const { stdout, stderr, exitCode } = await doctor([agent, "--json"], {
        environment: { OPENAI_API_KEY: "" },
      });
      expect(stderr).toBe("");
      const report = JSON.parse(stdout);
      expect(report).toEqual({
        agent,
        loads: true,
        kind: "OpenAI Agents SDK agent",
        warnings: [expect.stringContaining("OPENAI_API_KEY")],
        compilation: {
          status: "missing",
          was_there: false,
          why: null,
          executable: null,
          bytes: null,
          packages: null,
          build_ms: null,
        },
        starts: { runs: 3, source: cost, compiled: null },
        program: { own_files: 1, packages: ["@openai/agents", "zod"] },
        imports: {
          runs: 3,
          runtime: time,
          packages: [
            { name: "@openai/agents", ...time, files: expect.any(Number) },
            { name: "zod", ...time, files: 0 },
          ],
          own_files: { ...time, files: 1 },
        },
        machine,
      });
      expect(report.imports.packages[0].files).toBeGreaterThan(100);
      expect(exitCode).toBe(0);
    },
    timeoutMs,
  );

  test("times what the start imports, and not what a turn may import", async () => {
    const { stdout } = await doctor(["imports-later.ts:agent", "--json"]);
    const { program, imports } = JSON.parse(stdout);
    expect(program.packages.toSorted()).toEqual(["commander", "zod"]);
    expect(imports.packages).toEqual([{ name: "zod", ...time, files: expect.any(Number) }]);
  });

  test(
    "--compile compiles, prints both, and finds it again",
    async () => {
      const facts = [
        /^agent {5}echo\.ts:agent: function/,
        /program {3}1 file of its own, no packages/,
        /compiled {2}yes, \d+\.\d MB, built in \d+\.\d s/,
        /machine {3}Bun \d.*, linux \w+, \d+ CPUs/,
        /sandbox {3}turns can.* run in one.*\n/,
        /start of a worker +CPU ms +wall ms +MB/,
        /from source( +\d+\.\d){3}/,
        /compiled( +\d+\.\d){3}/,
        /saved( +-?\d+ %){3}\n/,
        /Medians of 3 starts.*\n/,
        /import +CPU ms +wall ms +files/,
        /\(the program's own files\)( +\d+\.\d){2} +1/,
        /\(Bun, before any import\)( +\d+\.\d){2}\n/,
      ];
      const { stdout, stderr, exitCode } = await doctor(["echo.ts:agent", "--compile"]);
      expect(stderr).toBe("");
      expect(stdout).toMatch(new RegExp(facts.map(({ source }) => source).join("\n")));
      expect(exitCode).toBe(0);
      expect((await doctor(["echo.ts:agent"])).stdout).toContain("MB, was there already (built in ");
    },
    timeoutMs,
  );

  test("says why an agent is not compiled, which is no fault", async () => {
    const { stdout, stderr, exitCode } = await doctor(["changes-loading.ts:agent"]);
    expect(stderr).toBe("");
    expect(stdout).toMatch(
      /^agent .*: function\nprogram {3}2 files of its own, no packages\ncompiled {2}no: \/.* changes how modules are loaded\n/,
    );
    expect(exitCode).toBe(0);
  });

  test("an agent that does not load: says why and exits with 1", async () => {
    const plain = await doctor(["import-throws.ts:agent"]);
    expect(plain.stdout).toBe("");
    expect(plain.stderr).toContain('Error: Cannot import the agent "import-throws.ts:agent": RangeError');
    expect(plain.exitCode).toBe(1);

    const json = await doctor(["import-throws.ts:agent", "--json"]);
    expect(JSON.parse(json.stdout)).toEqual({
      agent: "import-throws.ts:agent",
      loads: false,
      error: {
        code: "agent_import_failed",
        message: 'Cannot import the agent "import-throws.ts:agent": RangeError: broken at import',
        stderr: expect.stringContaining("RangeError: broken at import"),
      },
      machine,
    });
    expect(json.stderr).toBe(plain.stderr);
    expect(json.exitCode).toBe(1);
  });

  test.each([
    ["import-exits.ts:agent", "agent_import_failed"],
    ["echo.ts:nobody", "agent_export_missing"],
    ["forms.ts:settings", "agent_invalid"],
  ])("%s does not load: %s", async (agent, code) => {
    const { stdout, exitCode } = await doctor([agent, "--json"]);
    expect(JSON.parse(stdout)).toMatchObject({ loads: false, error: { code } });
    expect(exitCode).toBe(1);
  });

  test("a file that is not there is a wrong command line: exits with 2", async () => {
    const { stdout, stderr, exitCode } = await doctor(["nowhere.ts:agent", "--json"]);
    expect(stdout).toBe("");
    expect(stderr).toStartWith(`Error: Cannot find the agent's module "nowhere.ts": `);
    expect(exitCode).toBe(2);
  });
});
