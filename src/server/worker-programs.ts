/**
 * What workers start with. What was compiled before is used at once; else the server starts from source, compiles beside
 * its work, and changes over when that is done. Whatever goes wrong with compiling, turns run.
 */
import {
  type Compilation,
  type CompileOrder,
  compileAgent,
  findCompiled,
  refuse,
  whyNotLoaded,
} from "../compile/compile-agent.ts";
import { compileWorker, workerSource } from "../compile/compile-worker.ts";
import { touch } from "../compile/executable-cache.ts";
import { messageOf } from "../compile/message-of.ts";
import { executableProgram, sourceProgram } from "../compile/worker-program.ts";
import { MotusError } from "../errors.ts";
import type { Logger } from "../logger.ts";
import type { WorkerPool } from "../pool/worker-pool.ts";
import type { AgentDescription, WorkerProgram } from "../pool/worker-process.ts";

type Compiled = Extract<Compilation, { executable: string }>;

export interface WorkerProgramsOptions extends CompileOrder {
  /** Whether anything of the agent's is compiled. */
  compile: boolean;
  /** Whether workers are started in sandboxes. */
  isSandboxed: boolean;
  logger: Logger;
}

/** How often an executable is said to be in use: one that is not used for a day may be removed. */
const touchMs = 3_600_000;

export class WorkerPrograms {
  readonly #pool: WorkerPool;
  readonly #options: WorkerProgramsOptions;
  readonly #closing = new AbortController();
  /** What workers start with now; empty for source. */
  #key = "";
  /** Grows when the agent's files change: what was begun before is not taken any more. */
  #generation = 0;
  /** What workers start with from source. */
  #source: WorkerProgram = sourceProgram(workerSource);
  #touching: Timer | undefined;
  #compiling: Promise<void> = Promise.resolve();

  constructor(pool: WorkerPool, options: WorkerProgramsOptions) {
    this.#pool = pool;
    this.#options = options;
  }

  /**
   * Loads the agent in a first worker.
   *
   * @throws {MotusError} `agent_…` when it cannot be loaded from source either.
   */
  async start(): Promise<AgentDescription> {
    const { compile } = this.#options;
    this.#source = await this.#sourceProgram();
    this.#pool.fallback = this.#source;
    const found = compile ? this.#find() : { refused: "compiling is switched off", key: "" };
    if (found !== undefined && "executable" in found) {
      try {
        const agent = await this.#pool.start(this.#programOf(found));
        this.#tellCompiled(found);
        return agent;
      } catch (error) {
        // If it is the agent's own fault, it fails from source as well.
        const agent = await this.#pool.start();
        const isDamaged = !(await this.#refuse(found.key, error));
        if (isDamaged) this.#compile(agent.kind);
        return agent;
      }
    }
    const agent = await this.#pool.start();
    if (found === undefined) this.#compile(agent.kind);
    else this.#tellSource(found.refused);
    return agent;
  }

  /** The agent's own files have changed: they may import other packages now, or be no longer what can be compiled. */
  sourcesChanged(): void {
    if (!this.#options.compile) return;
    const found = this.#find();
    if (found !== undefined && found.key !== "" && found.key === this.#key) return;
    this.#generation += 1;
    this.#pool.useFallback();
    if (found === undefined) this.#compile(undefined);
    else if ("executable" in found) void this.#changeOver(found, undefined);
    else this.#tellSource(found.refused);
  }

  /** Compiles no more; resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.#closing.abort();
    clearInterval(this.#touching);
    await this.#compiling;
  }

  /** The runtime of workers as one file with bytecode: the agent and its packages are as they are. */
  async #sourceProgram(): Promise<WorkerProgram> {
    try {
      return sourceProgram(await compileWorker(this.#options.cacheFolder));
    } catch (error) {
      this.#options.logger.warn(
        { err: error },
        "the worker could not be compiled; workers start from source, which takes longer",
      );
      return sourceProgram(workerSource);
    }
  }

  #find(): Compilation | undefined {
    try {
      return findCompiled(this.#options);
    } catch (error) {
      // The agent is not there, or cannot be read: its first worker says so better.
      return { refused: messageOf(error), key: "" };
    }
  }

  #compile(kind: string | undefined): void {
    this.#compiling = Promise.all([this.#compiling, this.#compileNow(kind)]).then(() => {});
  }

  async #compileNow(kind: string | undefined): Promise<void> {
    const { logger } = this.#options;
    const generation = this.#generation;
    try {
      const compiled = await compileAgent(this.#options, this.#closing.signal);
      if (this.#closing.signal.aborted || generation !== this.#generation) return;
      if ("refused" in compiled) this.#tellSource(compiled.refused);
      else await this.#changeOver(compiled, kind);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      const why = `the packages could not be compiled: ${messageOf(error)}`;
      logger.warn({ err: error, why }, `workers start from source: ${why}`);
    }
  }

  async #changeOver(compiled: Compiled, kind: string | undefined): Promise<void> {
    const generation = this.#generation;
    try {
      await this.#pool.changeProgram(this.#programOf(compiled), kind);
      if (this.#closing.signal.aborted) return;
      if (generation === this.#generation) this.#tellCompiled(compiled);
      else this.#pool.useFallback();
    } catch (error) {
      if (this.#closing.signal.aborted || generation !== this.#generation) return;
      // What was compiled is there for the next server.
      const isShort = MotusError.isInstance(error) && error.code === "workers_unavailable";
      if (isShort) this.#tellSource(error.message);
      else await this.#refuse(compiled.key, error);
    }
  }

  #tellCompiled({ executable, key, packages, bytes, buildMs }: Compiled): void {
    this.#key = key;
    clearInterval(this.#touching);
    this.#touching = setInterval(() => void touch(executable), touchMs);
    this.#touching.unref();
    this.#options.logger.info({ packages, bytes, build_ms: buildMs }, "workers start compiled");
  }

  #tellSource(why: string): void {
    this.#key = "";
    this.#options.logger.info({ why }, `workers start from source: ${why}`);
  }

  /** To the agent it looks like the program that it stands for. */
  #programOf({ executable }: Compiled): WorkerProgram {
    return executableProgram(executable, this.#source.command.at(-1), this.#options.isSandboxed);
  }

  /** Returns whether it is the executable's fault, and not that of something that has damaged it. */
  async #refuse(key: string, error: unknown): Promise<boolean> {
    const isRefused = await refuse(this.#options, key, whyNotLoaded(error)).catch(() => true);
    const why = isRefused ? whyNotLoaded(error) : "what was compiled is damaged, and is made again";
    this.#options.logger.warn({ why }, `workers start from source: ${why}`);
    return isRefused;
  }
}
