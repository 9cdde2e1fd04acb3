/**
 * What does isolation cost: a process for every turn, from source and compiled, with and without standbys?
 *
 *     bun bench/isolation.ts [echo] [openai-agents] [google-adk]      (Linux; about five minutes, wants an idle machine)
 *
 * An agent that does nothing, one of the OpenAI Agents SDK and one of Google ADK; their model is a mock that costs next to
 * nothing. Beside them the floors: bare loops around the same workers, and for the first agent no isolation at all. What
 * is compared takes turns in the same run. It also draws docs/isolation.svg, when all three are measured.
 */
import { join } from "node:path";
import { compileAgent } from "../src/compile/compile-agent.ts";
import { compileWorker, defaultCacheFolder } from "../src/compile/compile-worker.ts";
import { executableProgram, sourceProgram } from "../src/compile/worker-program.ts";
import { workerEnvironment } from "../src/pool/worker-environment.ts";
import { startCheapModel } from "./cheap-model.ts";
import { drawChart } from "./draw-chart.ts";
import type { Load } from "./load.ts";
import { digits, printTable } from "./print-table.ts";
import { cpuMs, ownCpuMs, privateBytes } from "./process-tree.ts";
import { median, percentile, sum } from "./statistics.ts";
import {
  type BenchAgent,
  startInProcess,
  startMotusTarget,
  startOneShotLoop,
  startProgramLoop,
  startSmallestLoop,
  type Target,
} from "./targets.ts";
import { createSession, turn } from "./turn-client.ts";

const clientCounts = [2, 8, 32];
const starts = 7;
/** Between two measurements: what one left behind must not be the next one's cost. */
const settleMs = 150;
const maxRunMs = 900_000;

interface Subject extends BenchAgent {
  name: string;
  paced: Load;
  rounds: number;
  /** How long each stage under load lasts. */
  loadMs: number;
  hold: { content: string; answer: string };
}

const folder = import.meta.dir;
const heavy = { paced: { clients: 1, pauseMs: 400, maxTurns: 8, maxMs: 10_000 }, rounds: 2, loadMs: 2_000 };
const sdk = (name: string): Subject => ({
  name,
  path: `${join(folder, "sdk-agents", name)}.ts:agent`,
  answer: "You said: Hello",
  hold: { content: "hold", answer: "You said: Hello" },
  ...heavy,
});
const subjects: Subject[] = [
  {
    name: "echo",
    path: join(folder, "echo-agent.ts:agent"),
    answer: "echo: Hello",
    hold: { content: "wait 800", answer: "echo: wait 800" },
    paced: { clients: 1, pauseMs: 100, maxTurns: 25, maxMs: 10_000 },
    rounds: 3,
    loadMs: 900,
  },
  sdk("openai-agents"),
  sdk("google-adk"),
];

interface Stage {
  turnsPerSecond: number;
  childMsPerTurn: number;
  ownMsPerTurn: number;
}

interface Measured {
  target: Target;
  pacedMs: number[];
  stages: Map<number, Stage[]>;
  standbyBytes: number;
  runningBytes: number;
}

setTimeout(() => {
  console.error(`The benchmark did not end within ${maxRunMs} ms`);
  process.exit(1);
}, maxRunMs).unref();

await using _model = await startCheapModel();
const cacheFolder = defaultCacheFolder(Bun.env);
const wanted = process.argv.slice(2);
const results = new Map<string, { sourceMs: number; compiledMs: number }>();
for (const subject of subjects)
  if (wanted.length === 0 || wanted.includes(subject.name)) await measure(subject);
if (results.size === subjects.length) {
  const bars = [...results].map(([name, { sourceMs, compiledMs }]) => ({ name, sourceMs, compiledMs }));
  await Bun.write(join(folder, "../docs/isolation.svg"), drawChart(bars));
}

async function measure(subject: Subject): Promise<void> {
  const environment = workerEnvironment(Bun.env);
  const order = { importPath: subject.path, folder: process.cwd(), cacheFolder, environment };
  const compiled = await compileAgent(order);
  if ("refused" in compiled) throw new Error(`${subject.name} is not compiled: ${compiled.refused}`);
  const floor = (program: { command: string[]; environment: Readonly<Record<string, string>> }) => ({
    ...program,
    environment: { ...environment, ...program.environment },
    importPath: subject.path,
    answer: "Hello",
  });
  const source = floor(sourceProgram(await compileWorker(cacheFolder)));
  const executable = floor(executableProgram(compiled.executable));

  await using stack = new AsyncDisposableStack();
  const isEcho = subject.name === "echo";
  const targets: Target[] = [
    ...(isEcho ? [await startInProcess("agent in the server's process")] : []),
    isEcho
      ? await startOneShotLoop("bare loop, source")
      : await startProgramLoop("bare loop, source", source),
    ...(isEcho ? [await startSmallestLoop("bare loop, smallest")] : []),
    await startProgramLoop("bare loop, compiled", executable),
    await startMotusTarget("source, --standby 0", ["--no-compile", "--standby", "0"], subject),
    await startMotusTarget("source", ["--no-compile"], subject),
    await startMotusTarget("compiled, --standby 0", ["--standby", "0"], subject),
    await startMotusTarget("compiled", [], subject),
  ];
  for (const target of targets) stack.use(target);
  const all = targets.map(
    (target): Measured => ({ target, pacedMs: [], stages: new Map(), standbyBytes: 0, runningBytes: 0 }),
  );
  for (const { target } of all)
    await (await target.prepare({ clients: 2, pauseMs: 0, maxTurns: 20, maxMs: 1_000 }))();
  for (let round = 0; round < subject.rounds; round += 1) {
    for (const measured of all) await measurePaced(measured, subject);
    for (const clients of clientCounts)
      for (const measured of all) await measureLoad(measured, clients, subject);
  }
  for (const measured of all) await measureMemory(measured, subject);
  const startMs = { source: await startCpu(source), compiled: await startCpu(executable) };
  printResults(subject, all, startMs);
}

async function measurePaced({ target, pacedMs }: Measured, { paced }: Subject): Promise<void> {
  const run = await target.prepare(paced);
  await Bun.sleep(settleMs);
  pacedMs.push(...(await run()).latenciesMs);
}

async function measureLoad(
  { target, stages }: Measured,
  clients: number,
  { loadMs }: Subject,
): Promise<void> {
  const run = await target.prepare({ clients, pauseMs: 0, maxTurns: 50_000, maxMs: loadMs });
  await Bun.sleep(settleMs);
  const before = { all: cpuMs(target.pid), own: ownCpuMs(target.pid) };
  const { latenciesMs, elapsedMs } = await run();
  const own = ownCpuMs(target.pid) - before.own;
  const stage = {
    turnsPerSecond: (latenciesMs.length * 1_000) / elapsedMs,
    childMsPerTurn: (cpuMs(target.pid) - before.all - own) / latenciesMs.length,
    ownMsPerTurn: own / latenciesMs.length,
  };
  stages.set(clients, [...(stages.get(clients) ?? []), stage]);
}

/** What a standby has for itself, and a worker in the middle of its turn. */
async function measureMemory(measured: Measured, { hold }: Subject): Promise<void> {
  const { name, pid, url } = measured.target;
  if (url === undefined || name.startsWith("agent in")) return;
  await Bun.sleep(1_500);
  measured.standbyBytes = median(privateBytes(pid));
  if (!name.endsWith("--standby 0")) return;
  const id = await createSession(url);
  const held = turn(url, id, hold.content, hold.answer);
  await Bun.sleep(600);
  measured.runningBytes = Math.max(0, ...privateBytes(pid));
  await held;
}

/** CPU of a worker from nothing until it waits for its turn. */
async function startCpu(program: {
  command: string[];
  environment: Record<string, string>;
  importPath: string;
}): Promise<number> {
  const ms: number[] = [];
  for (let start = 0; start < starts; start++) {
    const child = Bun.spawn([...program.command, program.importPath], {
      stdio: ["ignore", "ignore", "inherit"],
      serialization: "advanced",
      env: { ...workerEnvironment(Bun.env), ...program.environment },
      ipc: (_message, worker) => worker.kill("SIGKILL"),
    });
    await child.exited;
    ms.push(Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1_000);
  }
  return median(ms);
}

function printResults(
  { name }: Subject,
  all: Measured[],
  startMs: { source: number; compiled: number },
): void {
  const rate = ({ stages }: Measured, clients: number) =>
    median(stages.get(clients)?.map(({ turnsPerSecond }) => turnsPerSecond) ?? []);
  const cpu = ({ stages }: Measured, key: "childMsPerTurn" | "ownMsPerTurn") =>
    median(stages.get(8)?.map((stage) => stage[key]) ?? []);
  const megabytes = (bytes: number) => (bytes === 0 ? "-" : digits(bytes / 1e6));
  console.log(`\n### ${name}\n`);
  printTable(
    [
      "",
      "p50 ms",
      "p99 ms",
      ...clientCounts.map((clients) => `turns/s at ${clients}`),
      "child CPU ms at 8",
      "own CPU ms",
      "MB standby",
      "MB running",
    ],
    all.map((measured) => [
      measured.target.name,
      digits(percentile(measured.pacedMs, 0.5)),
      digits(percentile(measured.pacedMs, 0.99)),
      ...clientCounts.map((clients) => digits(rate(measured, clients))),
      digits(cpu(measured, "childMsPerTurn")),
      digits(cpu(measured, "ownMsPerTurn")),
      measured.target.name.endsWith("--standby 0") ? "-" : megabytes(measured.standbyBytes),
      megabytes(measured.runningBytes),
    ]),
  );
  console.log(
    `\nCPU of a start: ${digits(startMs.source)} ms from source, ${digits(startMs.compiled)} ms compiled.`,
  );
  const by = new Map(all.map((measured) => [measured.target.name, measured]));
  const p50 = (target: string) => percentile(by.get(target)?.pacedMs ?? [], 0.5);
  const at = (target: string, clients: number) => rate(by.get(target)!, clients);
  const bytes = (target: string) => by.get(target)!.standbyBytes;
  if (name === "echo") {
    goal(
      "paced p50 compiled / in process",
      p50("compiled") / p50("agent in the server's process"),
      "<=",
      2.3,
    );
    const most = (target: string) => Math.max(...clientCounts.map((count) => at(target, count)));
    const limit = most("bare loop, smallest") / most("bare loop, source");
    console.log(
      `The smallest executable there can be does ${digits(limit)} of the bare source loop, without HTTP.`,
    );
    for (const clients of [8, 32]) {
      goal(
        `turns/s at ${clients}, compiled / bare source loop`,
        at("compiled", clients) / most("bare loop, source"),
        ">=",
        1.3,
      );
      goal(
        `turns/s at ${clients}, compiled / bare loop of the same`,
        at("compiled", clients) / most("bare loop, compiled"),
        ">=",
        0.9,
      );
    }
  } else {
    const [cpuGoal, rateGoal] = name === "google-adk" ? [0.18, 5] : [0.25, 4.5];
    goal("CPU of a start, compiled / source", startMs.compiled / startMs.source, "<=", cpuGoal);
    goal("turns/s at 8, compiled / source", at("compiled", 8) / at("source", 8), ">=", rateGoal);
    goal("MB of a standby, compiled / source", bytes("compiled") / bytes("source"), "<=", 0.65);
  }
  results.set(name, { sourceMs: sum([p50("source, --standby 0")]), compiledMs: p50("compiled") });
}

function goal(what: string, value: number, sign: "<=" | ">=", wanted: number): void {
  const isMet = sign === "<=" ? value <= wanted : value >= wanted;
  console.log(`goal: ${what} ${sign} ${wanted}: measured ${digits(value)}: ${isMet ? "met" : "NOT met"}`);
}
