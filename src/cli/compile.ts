import type { Command } from "commander";
import { type AgentFlags, addAgentCommand, examine, explainFailure } from "./agent-command.ts";
import { print, printJson } from "./print.ts";
import { printable } from "./printable.ts";

const exitCodes = `
Exit codes:
  0  It is compiled, now or before
  1  It cannot be compiled so that it behaves the same, or the build failed: stderr says why, and a
     server starts its workers from source
  2  The agent does not load, or the command line is wrong`;

export function addCompile(program: Command): void {
  addAgentCommand(
    program,
    "compile",
    "Compile an agent's packages ahead, in an image build for example, and print what it saves",
  )
    .addHelpText("after", exitCodes)
    .action(compile);
}

async function compile(importPath: string, flags: AgentFlags): Promise<void> {
  const report = await examine(importPath, flags, { compile: true, imports: false });
  if (report === undefined) return;
  if ("error" in report) {
    explainFailure(report);
    process.exitCode = 2;
    return;
  }
  const { compilation, starts } = report;
  if (flags.json) {
    const { reportJson } = await import("./agent-report-json.ts");
    await printJson(reportJson(importPath, report));
  } else if (compilation.status === "compiled") {
    const { agentFacts, compilationFact, startsNote, startsTable } = await import("./agent-report-text.ts");
    const { alignFacts } = await import("./align.ts");
    const { packages, executable } = compilation;
    const facts = alignFacts([
      ...agentFacts(importPath, report),
      compilationFact(report),
      ["packages", packages.length === 0 ? "none, only the worker's own runtime" : packages.join(", ")],
      ["file", executable],
    ]);
    await print([facts, startsTable(starts), startsNote(starts)].join("\n\n"));
  }
  if (!("why" in compilation)) return;
  console.error(`Error: Cannot compile ${importPath}: ${printable(compilation.why)}`);
  process.exitCode = 1;
}
