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
import { executableProgram, sourceProgram } from "../compile/worker-program.ts";
import type { Logger } from "../logger.ts";
import type { WorkerPool } from "../pool/worker-pool.ts";
import type { AgentDescription, WorkerProgram } from "../pool/worker-process.ts";

type Compiled = Extract<Compilation, { executable: string }>;

export interface WorkerProgramsOptions extends CompileOrder {
  /** Whether anything of the agent's is compiled. */
  compile: boolean;
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
  #touching: Timer | undefined;

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
    this.#pool.fallback = await this.#sourceProgram();
    const found = compile ? this.#find() : { refused: "compiling is switched off", key: "" };
    if (found !== undefined && "executable" in found) {
      try {
        const agent = await this.#pool.start(executableProgram(found.executable));
        this.#tellCompiled(found);
        return agent;
      } catch (error) {
        // If it is the agent's own fault, it fails from source as well.
        const agent = await this.#pool.start();
        await this.#refuse(found.key, error);
        return agent;
      }
    }
    const agent = await this.#pool.start();
    if (found === undefined) void this.#compile(agent.kind);
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
    if (found === undefined) void this.#compile(undefined);
    else if ("executable" in found) void this.#changeOver(found, undefined);
    else this.#tellSource(found.refused);
  }

  /** Compiles no more. */
  close(): void {
    this.#closing.abort();
    clearInterval(this.#touching);
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

  async #compile(kind: string | undefined): Promise<void> {
    const { logger } = this.#options;
    const generation = this.#generation;
    try {
      const compiled = await compileAgent(this.#options, this.#closing.signal);
      if (this.#closing.signal.aborted || generation !== this.#generation) return;
      if ("refused" in compiled) this.#tellSource(compiled.refused);
      else await this.#changeOver(compiled, kind);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      logger.warn({ err: error }, "the agent's packages could not be compiled; workers start from source");
    }
  }

  async #changeOver(compiled: Compiled, kind: string | undefined): Promise<void> {
    const generation = this.#generation;
    try {
      await this.#pool.changeProgram(executableProgram(compiled.executable), kind);
      if (generation === this.#generation) this.#tellCompiled(compiled);
      else this.#pool.useFallback();
    } catch (error) {
      if (!this.#closing.signal.aborted && generation === this.#generation)
        await this.#refuse(compiled.key, error);
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

  async #refuse(key: string, error: unknown): Promise<void> {
    const why = whyNotLoaded(error);
    this.#options.logger.warn({ why }, `workers start from source: ${why}`);
    await refuse(this.#options, key, why).catch(() => {});
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
