/**
 * What does one whole turn of an SDK's agent cost, next to a bare process that imports the SDK and runs the same turn?
 *
 *     bun bench/sdk-start.ts [openai-agents …]      (Linux; about a minute, wants an idle machine)
 *
 * The model is a mock in this process, which counts for nobody. Bare processes and motus take turns.
 */
import { join } from "node:path";
import type { SessionView } from "motus-serve";
import { compileAgent } from "../src/compile/compile-agent.ts";
import { defaultCacheFolder } from "../src/compile/compile-worker.ts";
import { workerEnvironment } from "../src/pool/worker-environment.ts";
import { startMockModel } from "../test/helpers/mock-model.ts";
import { type ChildServer, startMotus } from "./child-server.ts";
import { digits, printTable } from "./print-table.ts";
import { median } from "./statistics.ts";

const all = ["openai-agents", "anthropic", "google-adk", "ai-sdk", "langchain", "mastra"];
const wanted = process.argv.slice(2);
const sdks = wanted.length === 0 ? all : all.filter((sdk) => wanted.includes(sdk));
const rounds = 7;
/** Between two measurements: a standby that is being replaced must not be the next one's cost. */
const settleMs = 700;
const goalMs = 10;

interface Cost {
  /** Of the process that runs the turn, its start included. */
  cpuMs: number[];
  maxRssBytes: number[];
  /** What the client waits. */
  ms: number[];
}

const quiet = {
  OPENAI_AGENTS_DISABLE_TRACING: "1",
  LANGSMITH_TRACING: "false",
  MASTRA_TELEMETRY_DISABLED: "1",
};
/** motus in the ways in which it can be started. */
const ways: [name: string, flags: string[]][] = [
  ["source, --standby 0", ["--no-compile", "--standby", "0"]],
  ["source", ["--no-compile", "--standby", "1"]],
  ["compiled, --standby 0", ["--standby", "0"]],
  ["compiled", ["--standby", "1"]],
];

await using _model = await startMockModel();
const cacheFolder = defaultCacheFolder(process.env);
const rows: string[][] = [];
const goals: string[] = [];
for (const sdk of sdks) {
  const file = join(import.meta.dir, `sdk-agents/${sdk}.ts`);
  const order = {
    importPath: `${file}:agent`,
    folder: process.cwd(),
    cacheFolder,
    environment: workerEnvironment(process.env),
  };
  const compiled = await compileAgent(order);
  if ("refused" in compiled) throw new Error(`${sdk} is not compiled: ${compiled.refused}`);
  await using stack = new AsyncDisposableStack();
  const servers = new Map<string, ChildServer>();
  const costs = new Map<string, Cost>([["bare process", newCost()]]);
  for (const [name, flags] of ways) {
    servers.set(name, stack.use(await startMotus(flags, `${file}:agent`)));
    costs.set(name, newCost());
  }
  await runBare(file, newCost()); // The transpiler's cache is warm from here on.
  for (const server of servers.values()) await runTurn(server, newCost());
  for (let round = 0; round < rounds; round++) {
    await Bun.sleep(settleMs);
    await runBare(file, costs.get("bare process")!);
    for (const [name, server] of servers) await runTurn(server, costs.get(name)!);
  }
  const bareMs = median(costs.get("bare process")!.cpuMs);
  for (const [name, cost] of costs) {
    rows.push([
      `${sdk}: ${name}`,
      digits(median(cost.ms)),
      digits(median(cost.cpuMs)),
      digits(median(cost.maxRssBytes) / 1e6),
    ]);
    const more = median(cost.cpuMs) - bareMs;
    if (name === "bare process") continue;
    goals.push(
      `goal: ${sdk}, ${name}: at most ${goalMs} ms of CPU more than bare: measured ${digits(more)}: ${more <= goalMs ? "met" : "NOT met"}`,
    );
  }
}
printTable(["one whole turn", "ms", "CPU ms", "peak MB"], rows);
console.log(`\n${goals.join("\n")}`);

function newCost(): Cost {
  return { cpuMs: [], maxRssBytes: [], ms: [] };
}

async function runBare(file: string, into: Cost): Promise<void> {
  const startedAt = performance.now();
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "floors/bare-turn.ts"), file], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...quiet },
  });
  if ((await child.exited) !== 0) throw new Error(`The bare process of ${file} failed`);
  const usage = child.resourceUsage();
  into.ms.push(performance.now() - startedAt);
  into.cpuMs.push(Number(usage?.cpuTime.total ?? 0) / 1_000);
  into.maxRssBytes.push(usage?.maxRSS ?? 0);
}

async function runTurn({ url }: ChildServer, into: Cost): Promise<void> {
  const headers = { "content-type": "application/json" };
  const made = await fetch(`${url}/sessions`, { method: "POST" });
  const { session_id } = (await made.json()) as { session_id: string };
  const startedAt = performance.now();
  const body = JSON.stringify({ content: "Hello" });
  await fetch(`${url}/sessions/${session_id}/messages`, { method: "POST", headers, body });
  const session = (await (await fetch(`${url}/sessions/${session_id}?wait=true`)).json()) as SessionView;
  into.ms.push(performance.now() - startedAt);
  if (session.response?.content !== "You said: Hello")
    throw new Error(`Wrong answer: ${JSON.stringify(session)}`);
  into.cpuMs.push(session.turn?.cpu_ms ?? 0);
  into.maxRssBytes.push(session.turn?.max_rss_bytes ?? 0);
}
