/** Workers are killed, crash, and stand still for ever, at every step of the life of a turn. */
import { heapStats } from "bun:jsc";
import { expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";
import { children, descriptors, markedProcesses, markVariable, privateBytes } from "./census.ts";
import { type Caller, createHome, type Home } from "./home.ts";
import { pick, randomOf } from "./random.ts";
import { count, counts, report } from "./report.ts";
import { untilNoneLeft } from "./serve.ts";

const turns = Number(process.env.FAULTS_TURNS ?? 2_000);
const clients = 16;
/** Then a session is looked into and deleted, so that what is left at the end is nothing but a leak. */
const turnsOfSession = 25;
const timeoutSeconds = 3;

/** Where it is known whose worker is hit; at the others it may be anybody's. */
const exactSteps = ["running", "streaming", "interrupted", "answered", "exiting"] as const;
const steps = ["unhurt", "standby", "starting", "importing", ...exactSteps, "answering"] as const;
type Step = (typeof steps)[number];
type Signal = "SIGKILL" | "SIGSEGV" | "SIGSTOP";

const random = randomOf("worker killed");
/** How turns ended, by the step and the signal. */
const outcomes: Record<string, number> = {};
/** Signals that hit a worker of nobody known, less the turns that ended by one. */
const strays: Record<Signal, number> = { SIGKILL: 0, SIGSEGV: 0, SIGSTOP: 0 };
const strayPids = new Set<number>();
let hits = 0;

function signalFor(step: Step): Signal {
  // Each of those takes the timeout, and at the start also the place of another worker that wants to start.
  if (random() < (step === "starting" || step === "importing" ? 0.04 : 0.1)) return "SIGSTOP";
  return pick(random, ["SIGKILL", "SIGSEGV"]);
}

function hit(pid: number, signal: Signal): boolean {
  try {
    process.kill(pid, signal);
    hits += 1;
    return true;
  } catch {
    return false; // It is gone already.
  }
}

/** One turn, hurt at one step; resolves with its outcome. */
async function hurt(
  server: TestServer,
  home: Home,
  sessionId: string,
): Promise<{ id: string; ended: string }> {
  const step = pick(random, steps);
  const signal = signalFor(step);
  const stray = (pid: number | undefined) => {
    if (pid === undefined || strayPids.has(pid) || !hit(pid, signal)) return;
    strays[signal] += 1;
    strayPids.add(pid);
  };
  if (step === "standby") {
    const [pid] = home.waiting;
    home.waiting.delete(pid ?? 0);
    stray(pid);
  }
  const coming = step === "importing" ? home.nextImport() : undefined;
  void coming?.caller.then(({ pid }) => stray(pid));
  const sent = await server.request("POST", `/sessions/${sessionId}/messages`, { content: step });
  expect(sent.status).toBe(202);
  const id: string = sent.body.turn_id;
  if (step === "starting") stray(await newcomer(home));

  const settled = async () => (await server.request("GET", `/sessions/${sessionId}?wait=true`)).body;
  const answer = async (interruptId: string) =>
    server.request("POST", `/sessions/${sessionId}/resume`, { interrupt_id: interruptId, value: true });
  let session = settled();
  if (step === "answered") {
    // It asks before it calls.
    const { status, interrupts } = await session;
    if (status === "interrupted") {
      // Refused when a stray has hit the worker meanwhile: then the turn has died of that.
      const { status: taken } = await answer(interrupts[0].interrupt_id);
      expect([200, 409]).toContain(taken);
      session = settled();
      if (taken === 409) expect((await session).turn.outcome).toBe("crashed");
    }
  }
  const caller = await Promise.race([home.arrival(id), session.then(() => undefined)]);
  let isHit = false;
  // One that was hit at its start may call in its last moment.
  if (caller !== undefined && strayPids.has(caller.pid)) caller.letGo();
  else if (caller !== undefined && isExact(step)) isHit = await hitAt(step, signal, { caller, id });
  else if (caller !== undefined) {
    caller.letGo();
    if (step === "answering") {
      await Bun.sleep(random() * 3); // The moment is the fault.
      stray(caller.pid);
    }
  }
  let last = await session;
  if (last.status === "interrupted") {
    const [{ interrupt_id }] = last.interrupts;
    // Killed while it asks; one that stands still is there as far as anybody knows, and is ended when its time is over.
    if (!isHit && caller !== undefined && !strayPids.has(caller.pid)) isHit = hit(caller.pid, signal);
    if (signal === "SIGSTOP" || !isHit) await answer(interrupt_id);
    await until(
      "the turn has ended",
      async () => !["running", "interrupted"].includes((await settled()).status),
    );
    last = await settled();
  }
  coming?.cancel();
  home.forget(id);
  const ended = `${last.turn.outcome}${/\((signal \w+)\)/.exec(last.error ?? "")?.[1] ?? ""}`;
  expect(last.turn.turn_id).toBe(id);
  count(outcomes, last.turn.outcome);
  judge(ended, { step, signal, isHit });
  return { id, ended: last.turn.outcome };
}

function isExact(step: Step): step is (typeof exactSteps)[number] {
  return (exactSteps as readonly string[]).includes(step);
}

async function hitAt(
  step: (typeof exactSteps)[number],
  signal: Signal,
  { caller, id }: { caller: Caller; id: string },
): Promise<boolean> {
  if (step === "interrupted") {
    caller.letGo(); // It is hit when it asks.
    return false;
  }
  if (step === "exiting") {
    caller.letGo();
    const file = `${process.env.FAULTS_FOLDER}/${id}`;
    await until("the worker exits", () => existsSync(file));
  }
  return hit(caller.pid, signal);
}

/** The outcome is the one that was to come. */
function judge(ended: string, { step, signal, isHit }: { step: Step; signal: Signal; isHit: boolean }): void {
  const bySignal = signal === "SIGSTOP" ? "timed_out" : `crashedsignal ${signal}`;
  if (step === "exiting" && isHit) expect(ended).toBe("completed");
  else if (isHit) expect(ended).toBe(bySignal);
  else if (ended === "timed_out") strays.SIGSTOP -= 1;
  else if (ended.startsWith("crashed")) strays[ended.slice("crashedsignal ".length) as Signal] -= 1;
  else expect(ended).toBe("completed");
  for (const left of Object.values(strays)) expect(left).toBeGreaterThanOrEqual(0);
}

/** A worker that was started and has not yet called; undefined when there is none for a while. */
async function newcomer(home: Home): Promise<number | undefined> {
  const deadline = performance.now() + 200;
  while (performance.now() < deadline) {
    const found = children(process.pid).find((pid) => !home.known.has(pid) && isWorker(pid));
    if (found !== undefined) {
      home.known.add(found);
      return found;
    }
    await Bun.sleep(1);
  }
  return undefined;
}

function isWorker(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes("\0MOTUS_WORKER=");
  } catch {
    return false;
  }
}

/** A client's share of the turns, in sessions of its own. */
async function converse(server: TestServer, home: Home, share: number): Promise<void> {
  for (let left = share; left > 0; left -= turnsOfSession) {
    const sessionId = await server.createSession();
    const completed: string[] = [];
    for (let turn = Math.min(left, turnsOfSession); turn > 0; turn--) {
      const { id, ended } = await hurt(server, home, sessionId);
      if (ended === "completed") completed.push(id);
    }
    const { body } = await server.request("GET", `/sessions/${sessionId}/messages`);
    const said = body.filter(({ role }: { role: string }) => role === "assistant");
    expect(said.map(({ content }: { content: string }) => content)).toEqual(completed);
    expect((await server.request("DELETE", `/sessions/${sessionId}`)).status).toBe(204);
  }
}

/** What the server, and this test with it, holds when nothing is to be done. */
function held() {
  Bun.gc(true);
  const { heapSize, objectTypeCounts } = heapStats();
  return {
    heapMb: heapSize / 2 ** 20,
    memoryMb: privateBytes(process.pid) / 2 ** 20,
    promises: objectTypeCounts.Promise ?? 0,
    descriptors: descriptors(process.pid),
  };
}

async function atRest(server: TestServer): Promise<void> {
  await until("nothing runs, waits or asks", async () => {
    const { body } = await server.request("GET", "/health");
    return (
      body.running_workers + body.queued_turns + body.interrupted_turns + body.total_sessions === 0 &&
      body.standby_workers === 2
    );
  });
}

test("a worker that dies or stands still at any step costs its own turn, and nothing else", async () => {
  using folder = temporaryFolder();
  await using home = createHome();
  const mark = crypto.randomUUID();
  // A crash is no business of anybody's: it was made here.
  const environment = { FAULTS_HOME: home.url, FAULTS_FOLDER: folder.path, BUN_ENABLE_CRASH_REPORTING: "0" };
  Object.assign(process.env, environment, { [markVariable]: mark });
  await using server = await startServer("../../faults/agents/steps.ts:agent", {
    workers: clients,
    standby: 2,
    timeout: timeoutSeconds,
  });
  const warmUp = Math.round(turns / 10);
  const startedAt = performance.now();
  const run = (all: number) =>
    Promise.all(Array.from({ length: clients }, () => converse(server, home, Math.ceil(all / clients))));
  await run(warmUp);
  await atRest(server);
  const before = held();
  await run(turns - warmUp);
  await atRest(server);
  await until("the promises are gone", () => held().promises <= before.promises + 100);
  const after = held();
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + clients);
  expect(after.heapMb).toBeLessThan(before.heapMb + 10);
  expect(after.memoryMb).toBeLessThan(before.memoryMb + 64);
  // Two that stand by, and nothing else.
  await until("no process is left over", () => markedProcesses(mark).length <= 2);
  await server.server.stop();
  await untilNoneLeft(mark);
  const seconds = Math.round((performance.now() - startedAt) / 1_000);
  const all = Object.values(outcomes).reduce((sum, one) => sum + one, 0);
  const change = `memory ${before.memoryMb.toFixed(0)} → ${after.memoryMb.toFixed(0)} MB, promises ${before.promises} → ${after.promises}, descriptors ${before.descriptors} → ${after.descriptors}`;
  report(
    "workers killed at every step (SIGKILL, SIGSEGV, SIGSTOP for ever)",
    `${all} turns at ${clients} clients in ${seconds} s, ${hits} signals (${counts(outcomes)}), ${change}`,
    "0 turns stuck, 0 wrong outcomes, 0 processes left",
  );
});
