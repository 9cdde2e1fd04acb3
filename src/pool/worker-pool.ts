/**
 * The workers: taken one by one, each for one turn, none ever given back. Some are started ahead and wait
 * with the agent loaded (standby), so that a turn does not pay for its own start.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { MotusError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import { guardChannels } from "./channel-guard.ts";
import { createMemoryLimit, type MemoryLimit } from "./limits/memory-limit.ts";
import { Reaper } from "./reaper.ts";
import { type RunTurnOptions, runTurn, type TurnEnd, type TurnInput } from "./run-turn.ts";
import { Shortage, shortageRetryMs } from "./shortage.ts";
import { serverVariable, Warden } from "./warden.ts";
import {
  type AgentDescription,
  type WorkerExit,
  type WorkerOptions,
  WorkerProcess,
  type WorkerProgram,
} from "./worker-process.ts";

export interface PoolOptions extends WorkerOptions {
  /** How many workers wait ahead. */
  standby: number;
  /** What workers start with when the file of `program` is gone. */
  fallback: WorkerProgram;
  /** How long a worker may wait for its turn before a younger one takes its place, in milliseconds; 0 for ever. */
  standbyMaxAgeMs: number;
  /** How many processes may be starting at once; more only take the processor from one another. */
  maxStarts: number;
  logger: Logger;
}

/** A replacement started the moment a standby is taken would compete with the turn that took it. */
const refillDelayMs = 5;
const maxBackoffMs = 30_000;
/** How long a turn waits for its next worker when one has died before it had loaded the agent; then the turn crashes. */
const nextWorkerMs = [100, 400, 1_600, 6_400];

export class WorkerPool {
  readonly #options: PoolOptions;
  readonly #all = new Set<WorkerProcess>();
  readonly #reaper = new Reaper();
  readonly #shortage: Shortage;
  readonly #warden = new Warden();
  #standby: WorkerProcess[] = [];
  /** Turns that wait for a process to be allowed to start; each is called when it is its turn. */
  #waiting: (() => void)[] = [];
  #starting = 0;
  #failedStandbys = 0;
  #refillTimer: Timer | undefined;
  #agingTimer: Timer | undefined;
  /** What is always there. */
  readonly #source: WorkerProgram;
  #isClosed = false;
  #unguard: (() => void) | undefined;

  constructor(options: PoolOptions) {
    const environment = { ...options.environment, [serverVariable]: this.#warden.mark };
    this.#options = { ...options, environment };
    this.#source = options.fallback;
    this.#shortage = new Shortage(options.logger);
  }

  /** Why no worker can be started for now; turns wait meanwhile. */
  get problem(): MotusError | undefined {
    return this.#shortage.problem;
  }

  /** What workers start with unless there is something better. */
  set fallback(program: WorkerProgram) {
    this.#options.fallback = program;
    this.#options.program = program;
  }

  /** Lets workers start from source again. */
  useFallback(): void {
    this.#options.program = this.#options.fallback;
    this.#refill();
  }

  /** Workers that wait with the agent loaded. */
  get standbyWorkers(): number {
    return this.#standby.filter((worker) => worker.isReady).length;
  }

  /**
   * Loads the agent in a first worker, so that a wrong path is known before the first turn.
   *
   * @param program What workers start with from now on, if the agent can be loaded with it.
   * @returns what the agent is.
   * @throws {MotusError} `agent_…` when it cannot be loaded; `workers_unavailable`.
   */
  async start(program = this.#options.fallback): Promise<AgentDescription> {
    const first = this.#spawnFirst(program);
    if (this.#options.standby > 0) this.#standby.push(first);
    try {
      const agent = await first.ready;
      this.#options.program = program;
      if (this.#options.standby > 0) this.#watchStandby(first);
      else first.kill();
      this.#startAging();
      return agent;
    } catch (error) {
      this.#standby = this.#standby.filter((worker) => worker !== first);
      const output = first.hasExited ? first.stderr.text() : (await first.exited).stderr.text();
      if (output !== "") this.#options.logger.error({ stderr: output }, "the agent's worker wrote");
      throw error;
    }
  }

  /**
   * Lets workers start with another program from now on, once one of them has loaded the same agent with it. Those that
   * wait are replaced one by one, each by one that is ready.
   *
   * @param kind What the agent has to be; undefined when that may have changed.
   * @throws {MotusError} `agent_…` when the agent cannot be loaded with it, `workers_unavailable`; then nothing has changed.
   */
  async changeProgram(program: WorkerProgram, kind: string | undefined): Promise<void> {
    const worker = this.#spawnFirst(program);
    try {
      const agent = await worker.ready;
      if (kind !== undefined && agent.kind !== kind)
        throw new MotusError("agent_import_failed", `The agent became ${agent.kind} instead of ${kind}`);
      this.#options.program = program;
      if (this.#options.standby > 0) this.#wait(worker);
    } finally {
      if (!this.#standby.includes(worker)) worker.kill();
    }
  }

  /** Ends every worker that waits, because the agent's files have changed. Turns that run go on. */
  discardStandbys(): void {
    for (const worker of this.#standby.splice(0)) worker.kill();
    this.#failedStandbys = 0;
    clearTimeout(this.#refillTimer);
    this.#refillTimer = undefined;
    this.#refill();
  }

  /** Runs one turn in a worker of its own; resolves when that process is gone. Never rejects. */
  async run(input: TurnInput, options: RunTurnOptions): Promise<TurnEnd> {
    for (const waitMs of [...nextWorkerMs, undefined]) {
      let worker: WorkerProcess | undefined;
      try {
        worker = await this.#take(options.stop);
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        return notStarted({
          outcome: "crashed",
          error: `Worker process could not be started (${reason})`,
          stack: null,
        });
      }
      if (worker === undefined) break;
      const end = await runTurn(worker, input, options);
      if (waitMs === undefined || !diedBeforeItsTurn(worker, end)) return end;
      const { sessionId: session_id, turnId: turn_id } = input;
      const fields = { session_id, turn_id, signal: end.exit?.signal, stderr: end.exit?.stderr.text() };
      this.#options.logger.warn(
        fields,
        "a worker died before it had loaded the agent: its turn gets another",
      );
      await pause(waitMs, options.stop);
    }
    return notStarted(options.stop.reason ?? closed);
  }

  /** Ends every worker there is and resolves when they are gone. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#refillTimer);
    clearInterval(this.#agingTimer);
    this.#standby = [];
    for (const wake of this.#waiting.splice(0)) wake();
    const exits = [...this.#all].map((worker) => {
      worker.kill();
      return worker.exited;
    });
    await Promise.all(exits);
    await this.#reaper.close();
    this.#warden.close();
    await this.#options.memory?.close();
    this.#unguard?.();
    this.#unguard = undefined;
  }

  /** A worker that nobody else has; undefined when the turn was stopped before there was one. */
  async #take(stop: AbortSignal): Promise<WorkerProcess | undefined> {
    while (!stop.aborted && !this.#isClosed) {
      const worker = this.#takeStandby();
      if (worker !== undefined) {
        this.#scheduleRefill(refillDelayMs);
        return worker;
      }
      if (this.#starting >= this.#options.maxStarts) {
        await this.#permitToStart(stop);
        continue;
      }
      const started = this.#spawnUnlessShort();
      if (started !== undefined) return started;
      await pause(shortageRetryMs, stop);
    }
    return undefined;
  }

  /** The best of those that wait: one that is ready, and of these the one that has waited longest. */
  #takeStandby(): WorkerProcess | undefined {
    const ready = this.#standby.findIndex((worker) => worker.isReady);
    return this.#standby.splice(Math.max(0, ready), 1)[0];
  }

  async #permitToStart(stop: AbortSignal): Promise<void> {
    const permit = Promise.withResolvers<void>();
    this.#waiting.push(permit.resolve);
    stop.addEventListener("abort", () => permit.resolve(), { once: true });
    await permit.promise;
    this.#waiting = this.#waiting.filter((wake) => wake !== permit.resolve);
  }

  #spawnFirst(program: WorkerProgram): WorkerProcess {
    try {
      return this.#spawn(program);
    } catch (error) {
      throw this.#shortage.explain(error) ?? error;
    }
  }

  /** Undefined while the machine has nothing left to start a worker with. */
  #spawnUnlessShort(): WorkerProcess | undefined {
    try {
      return this.#spawn();
    } catch (error) {
      const problem = this.#shortage.explain(error);
      if (problem === undefined) throw error;
      this.#shortage.began(problem);
      return undefined;
    }
  }

  #spawn(program = this.#options.program): WorkerProcess {
    if (this.#isClosed)
      throw new MotusError("shutting_down", "Cannot start a worker: the server has stopped");
    this.#unguard ??= guardChannels();
    this.#warden.start();
    this.#options.memory ??= this.#createMemoryLimit();
    const worker = new WorkerProcess({ ...this.#options, program: this.#present(program) });
    this.#shortage.ended();
    this.#all.add(worker);
    this.#starting += 1;
    void worker.exited.then(() => {
      this.#all.delete(worker);
      this.#reaper.workerEnded(worker.mark);
    });
    const started = () => {
      this.#starting -= 1;
      this.#waiting.shift()?.();
      this.#refill();
    };
    worker.ready.then(started, started);
    return worker;
  }

  /** Only when it is needed: it may make groups, which `close` removes. */
  #createMemoryLimit(): MemoryLimit | undefined {
    const { limits, logger } = this.#options;
    if (limits === undefined || limits.maxMemoryBytes === 0) return undefined;
    return createMemoryLimit(limits.maxMemoryBytes, logger);
  }

  /** What is there, instead of what workers start with: a cache may be emptied while a server runs. */
  #present(program: WorkerProgram): WorkerProgram {
    const { program: current, fallback, logger } = this.#options;
    const missing = missingFile(program);
    if (program !== current || missing === undefined) return program;
    const present = missingFile(fallback) === undefined ? fallback : this.#source;
    if (present === program) return program;
    logger.warn({ file: missing }, `workers start from source: ${missing} is gone`);
    this.#options.fallback = present;
    this.#options.program = present;
    return present;
  }

  #wait(worker: WorkerProcess): void {
    this.#standby.push(worker);
    this.#watchStandby(worker);
  }

  #watchStandby(worker: WorkerProcess): void {
    void worker.ready.then(
      () => {
        this.#failedStandbys = 0;
        this.#retireOne();
      },
      () => {},
    );
    void worker.exited.then((exit) => this.#standbyEnded(worker, exit));
  }

  /** A standby that goes before it is taken is replaced, ever later when it happens again and again. */
  #standbyEnded(worker: WorkerProcess, { stderr, excess }: WorkerExit): void {
    const index = this.#standby.indexOf(worker);
    if (index === -1) return;
    this.#standby.splice(index, 1);
    this.#failedStandbys += 1;
    const delayMs = Math.min(maxBackoffMs, 100 * 2 ** this.#failedStandbys);
    this.#options.logger.warn(
      { pid: worker.pid, stderr: stderr.text(), delay_ms: delayMs, ...(excess && { exceeded: excess.did }) },
      "a standby worker ended before its turn",
    );
    this.#scheduleRefill(delayMs);
  }

  /** Ends the oldest of those that wait and are to be replaced, when there is one more than there should be. */
  #retireOne(): void {
    if (this.#standby.length <= this.#options.standby) return;
    const index = this.#standby.findIndex((worker) => this.#isOutdated(worker));
    const [worker] = this.#standby.splice(index, index === -1 ? 0 : 1);
    worker?.kill();
    this.#refill();
  }

  #isOutdated({ program, startedAt }: WorkerProcess): boolean {
    const { standbyMaxAgeMs, program: current } = this.#options;
    const isOld = standbyMaxAgeMs > 0 && performance.now() - startedAt >= standbyMaxAgeMs;
    return program !== current || isOld;
  }

  #scheduleRefill(delayMs: number): void {
    if (this.#refillTimer !== undefined || this.#isClosed) return;
    this.#refillTimer = setTimeout(() => {
      this.#refillTimer = undefined;
      this.#refill();
    }, delayMs);
  }

  /** Looks now and then for workers that have waited too long. */
  #startAging(): void {
    const { standbyMaxAgeMs } = this.#options;
    if (standbyMaxAgeMs === 0 || this.#agingTimer !== undefined) return;
    this.#agingTimer = setInterval(() => this.#refill(), Math.max(50, standbyMaxAgeMs / 4));
    this.#agingTimer.unref();
  }

  /** One for each place that is empty; then one at a time for those that are to be replaced. */
  #wantsStandby(standby: number): boolean {
    if (this.#standby.length < standby) return true;
    const outdated = this.#standby.filter((worker) => this.#isOutdated(worker)).length;
    return this.#standby.length === standby && outdated > 0;
  }

  #refill(): void {
    if (this.#refillTimer !== undefined) return; // It is not time yet.
    const { standby, maxStarts } = this.#options;
    while (
      !this.#isClosed &&
      this.#waiting.length === 0 &&
      this.#wantsStandby(standby) &&
      this.#starting < maxStarts
    ) {
      try {
        const worker = this.#spawnUnlessShort();
        if (worker === undefined) return this.#scheduleRefill(shortageRetryMs);
        this.#wait(worker);
      } catch (error) {
        this.#failedStandbys += 1;
        this.#options.logger.warn({ err: error }, "a standby worker could not be started");
        return this.#scheduleRefill(Math.min(maxBackoffMs, 100 * 2 ** this.#failedStandbys));
      }
    }
  }
}

/** Ends early when the signal fires. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => {});
}

/** Of the files that a program starts with: the executable, and what that is given to run. */
function missingFile({ command }: WorkerProgram): string | undefined {
  return [command.at(0), command.at(-1)].find((file) => file !== undefined && !existsSync(file));
}

/** Something has killed it, and the agent cannot have begun: the turn may have another worker. */
function diedBeforeItsTurn({ isReady }: WorkerProcess, { ending, exit }: TurnEnd): boolean {
  if (isReady || ending.outcome !== "crashed" || exit === null) return false;
  return exit.signal !== null && exit.violation === null;
}

const closed: TurnEnd["ending"] = { outcome: "cancelled", error: "Turn cancelled", stack: null };

function notStarted(ending: TurnEnd["ending"]): TurnEnd {
  return { ending, startedAt: null, endedAt: Date.now(), exit: null };
}
