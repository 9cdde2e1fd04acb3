import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import type { Command } from "commander";
import type { AgentReport, LoadFailure, Program } from "../server/examine-agent.ts";
import { type AgentFlags, addAgentCommand, examine, explainFailure } from "./agent-command.ts";
import { print, printJson } from "./print.ts";

interface DoctorFlags extends AgentFlags {
  compile?: true;
}

const exitCodes = `
Exit codes:
  0  The agent loads
  1  It does not: stderr says why
  2  There is no such file, or the command line is wrong`;

export function addDoctor(program: Command): void {
  addAgentCommand(
    program,
    "doctor",
    "Load an agent in a process of its own, and print what it is, what is slow, and whether it compiles",
  )
    .option("--compile", "Compile it if that has not been done (default: do not)")
    .addHelpText("after", exitCodes)
    .action(examineAndPrint);
}

async function examineAndPrint(importPath: string, flags: DoctorFlags): Promise<void> {
  const report = await examine(importPath, flags, { compile: flags.compile === true, imports: true });
  if (report === undefined) return;
  if (flags.json) await printJson(await toJson(importPath, report));
  else if (!("error" in report)) await print(await toText(importPath, report));
  if (!("error" in report)) return;
  explainFailure(report);
  process.exitCode = 1;
}

async function toJson(importPath: string, report: AgentReport | LoadFailure) {
  const { importsJson, reportJson } = await import("./agent-report-json.ts");
  if ("error" in report) {
    const { error, stderr } = report;
    const failure = { code: error.code, message: error.message, stderr };
    return { loads: false, agent: importPath, error: failure, machine: await machine() };
  }
  const { program, imports } = report;
  return {
    loads: true,
    ...reportJson(importPath, report),
    program: program && { own_files: program.ownFiles, packages: program.packages },
    imports: imports && importsJson(imports),
    machine: await machine(),
  };
}

async function toText(importPath: string, report: AgentReport): Promise<string> {
  const text = await import("./agent-report-text.ts");
  const { alignFacts } = await import("./align.ts");
  const { program, starts, imports } = report;
  const { bun, platform, arch, cpus, proc, sandbox } = await machine();
  const facts = alignFacts([
    ...text.agentFacts(importPath, report),
    ["program", program === null ? "a file of it cannot be read" : describe(program)],
    text.compilationFact(report),
    [
      "machine",
      `Bun ${bun}, ${platform} ${arch}, ${cpus} CPUs${proc ? "" : "; without /proc, what escapes its worker is not found"}`,
    ],
    [
      "sandbox",
      sandbox ? "turns can run in one: serve start --sandbox" : "turns cannot run in one on this machine",
    ],
  ]);
  const parts = [facts, text.startsTable(starts), text.startsNote(starts)];
  if (imports !== null) parts.push(text.importsTable(imports), text.importsNote(imports));
  return parts.join("\n\n");
}

function describe({ ownFiles, packages }: Program): string {
  const files = `${ownFiles} ${ownFiles === 1 ? "file" : "files"} of its own`;
  return packages.length === 0 ? `${files}, no packages` : `${files}, and ${packages.join(", ")}`;
}

/** What motus asks of the machine: the reaper reads `/proc`, and so does the measuring of memory. */
async function machine() {
  const { sandboxProblem } = await import("../server/open-sandbox.ts");
  const { workerEnvironment } = await import("../pool/worker-environment.ts");
  const { platform, arch } = process;
  const sandbox = sandboxProblem(workerEnvironment(process.env)) === undefined;
  return {
    bun: Bun.version,
    platform,
    arch,
    cpus: availableParallelism(),
    proc: existsSync("/proc/self"),
    sandbox,
  };
}
