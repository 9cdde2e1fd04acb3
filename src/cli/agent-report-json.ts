/** What was found out about an agent, for programs: docs/compiling.md lists the fields. */
import type { ImportTimes, LoadedModules } from "../compile/import-times.ts";
import type { StartCost } from "../pool/measure-start.ts";
import type { AgentReport } from "../server/examine-agent.ts";

export function reportJson(importPath: string, { agent, compilation, starts }: AgentReport) {
  return {
    agent: importPath,
    kind: agent.kind,
    warnings: agent.warnings,
    compilation: compilationJson(compilation),
    starts: { runs: starts.runs, source: costJson(starts.source), compiled: costJson(starts.compiled) },
  };
}

function compilationJson(compilation: AgentReport["compilation"]) {
  const { status } = compilation;
  const compiled = status === "compiled" ? compilation : undefined;
  return {
    status,
    was_there: "wasThere" in compilation && compilation.wasThere,
    why: "why" in compilation ? compilation.why : null,
    executable: compiled?.executable ?? null,
    bytes: compiled?.bytes ?? null,
    packages: compiled?.packages ?? null,
    build_ms: compiled?.buildMs ?? null,
  };
}

export function importsJson({ runs, runtime, packages, ownFiles }: ImportTimes) {
  return {
    runs,
    runtime: { cpu_ms: tenths(runtime.cpuMs), wall_ms: tenths(runtime.wallMs) },
    packages: packages.map(({ name, ...modules }) => ({ name, ...modulesJson(modules) })),
    own_files: modulesJson(ownFiles),
  };
}

function modulesJson({ cpuMs, wallMs, files }: LoadedModules) {
  return { cpu_ms: tenths(cpuMs), wall_ms: tenths(wallMs), files };
}

function costJson(cost: StartCost | null) {
  if (cost === null) return null;
  const { cpuMs, wallMs, privateBytes, maxRssBytes } = cost;
  return {
    cpu_ms: tenths(cpuMs),
    wall_ms: tenths(wallMs),
    private_bytes: privateBytes,
    max_rss_bytes: maxRssBytes,
  };
}

function tenths(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}
