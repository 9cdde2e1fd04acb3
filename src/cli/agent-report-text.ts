/** What was found out about an agent, for people. */
import type { ImportTimes } from "../compile/import-times.ts";
import type { ImportTime } from "../compile/time-imports.ts";
import type { StartCost } from "../pool/measure-start.ts";
import type { ComparedStarts } from "../server/compare-starts.ts";
import type { AgentReport } from "../server/examine-agent.ts";
import { alignTable } from "./align.ts";
import { printable } from "./printable.ts";

export type Fact = [name: string, value: string];

/** How many packages are shown. */
const maxPackages = 10;

export function agentFacts(importPath: string, { agent }: Pick<AgentReport, "agent">): Fact[] {
  return [
    ["agent", `${importPath}: ${printable(agent.kind)}`],
    ...agent.warnings.map((warning): Fact => ["warning", printable(warning)]),
  ];
}

export function compilationFact({ compilation }: Pick<AgentReport, "compilation">): Fact {
  switch (compilation.status) {
    case "compiled": {
      const { wasThere, bytes, buildMs } = compilation;
      const built = `built in ${(buildMs / 1_000).toFixed(1)} s`;
      return [
        "compiled",
        `yes, ${megabytes(bytes)} MB, ${wasThere ? `was there already (${built})` : built}`,
      ];
    }
    case "missing":
      return ["compiled", "not yet: a server does it beside its work; --compile does it now"];
    case "refused":
    case "failed":
      return ["compiled", `no: ${printable(compilation.why)}`];
  }
}

export function startsTable({ source, compiled }: ComparedStarts): string {
  const rows = [["start of a worker", "CPU ms", "wall ms", "MB"]];
  if (source !== null) rows.push(["from source", ...costCells(source)]);
  if (compiled !== null) rows.push(["compiled", ...costCells(compiled)]);
  if (source !== null && compiled !== null) rows.push(["saved", ...savedCells(source, compiled)]);
  return alignTable(rows);
}

/** What the numbers of the table above are. */
export function startsNote({ runs, source }: ComparedStarts): string {
  const memory =
    source?.privateBytes == null ? "the most it had" : "what a worker that waits shares with no other";
  return `Medians of ${runs} starts, until ready for a turn; MB: ${memory}.`;
}

/** The slowest first. */
export function importsTable({ runtime, packages, ownFiles }: ImportTimes): string {
  const slowest = packages.toSorted((a, b) => b.cpuMs - a.cpuMs).slice(0, maxPackages);
  return alignTable([
    ["import", "CPU ms", "wall ms", "files"],
    ...slowest.map(({ name, ...modules }) => [printable(name), ...timeCells(modules), String(modules.files)]),
    ["(the program's own files)", ...timeCells(ownFiles), String(ownFiles.files)],
    ["(Bun, before any import)", ...timeCells(runtime)],
  ]);
}

export function importsNote({ runs, packages }: ImportTimes): string {
  const left = packages.length - maxPackages;
  const more = left > 0 ? ` ${left} more packages took less.` : "";
  return (
    `Medians of ${runs} processes that import the program, packages first. A package's numbers include what it brings\n` +
    `along, unless a package that the program names before it brought that already.${more}`
  );
}

function costCells(cost: StartCost): string[] {
  return [...timeCells(cost), megabytes(memoryOf(cost))];
}

function savedCells(source: StartCost, compiled: StartCost): string[] {
  const saved = (before: number, after: number) => `${Math.round(100 * (1 - after / before))} %`;
  return [
    saved(source.cpuMs, compiled.cpuMs),
    saved(source.wallMs, compiled.wallMs),
    saved(memoryOf(source), memoryOf(compiled)),
  ];
}

function timeCells({ cpuMs, wallMs }: ImportTime): string[] {
  return [cpuMs.toFixed(1), wallMs.toFixed(1)];
}

function memoryOf({ privateBytes, maxRssBytes }: StartCost): number {
  return privateBytes ?? maxRssBytes;
}

function megabytes(bytes: number): string {
  return (bytes / 1e6).toFixed(1);
}
