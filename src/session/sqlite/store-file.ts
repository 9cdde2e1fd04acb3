/**
 * One SQLite file and all that is written to it.
 *
 * Writes that are asked for in one go of the event loop are one transaction, so that the disk is waited for once for all of
 * them: the busier the server, the more share it. What was promised to somebody is on the disk when its promise resolves;
 * what was not is with the kernel, where it outlives the process.
 */
import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import { aborted } from "../../aborted.ts";
import { MotusError } from "../../errors.ts";
import type { Logger } from "../../logger.ts";
import { openDatabase } from "./open-database.ts";
import type { migrations } from "./schema.ts";
import { saysBusy, saysDamaged, storeClosed, storeError } from "./store-error.ts";

interface Write {
  /** Changes nothing but the database: it is run again when another one has spoilt their transaction. */
  work: () => unknown;
  isPromised: boolean;
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

/** How often a disk that was full is tried again, and with how much. */
const probeMs = 1_000;
const probeBytes = 256 * 1024;

export class StoreFile {
  readonly path: string;
  readonly #database: Database;
  readonly #lock: Disposable;
  readonly #logger: Logger;
  readonly #begin: Statement;
  readonly #commit: Statement;
  #waiting: Write[] = [];
  #scheduled: NodeJS.Immediate | undefined;
  #isFull: boolean | undefined;
  #problem: MotusError | undefined;
  #isDamaged = false;
  #isClosed = false;
  #writable = Promise.withResolvers<void>();
  #probing: Timer | undefined;

  /** @throws {MotusError} `store_invalid`, `store_locked`. */
  constructor(file: string, { logger, steps }: { logger: Logger; steps?: typeof migrations }) {
    const { database, path, lock } = openDatabase(file, steps);
    this.path = path;
    this.#database = database;
    this.#lock = lock;
    this.#logger = logger;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
  }

  /** Why nothing can be written now. */
  get problem(): MotusError | undefined {
    return this.#problem;
  }

  prepare<Row, Parameters extends SQLQueryBindings[]>(sql: string): Statement<Row, Parameters> {
    return this.#database.prepare(sql) as unknown as Statement<Row, Parameters>;
  }

  /** Reads what was written so far. @throws {MotusError} `store_unavailable`. */
  read<T>(work: () => T): T {
    if (this.#isClosed) throw storeClosed(this.path);
    try {
      return work();
    } catch (error) {
      const problem = storeError(error, `read the store ${this.path}`);
      if (saysDamaged(error)) this.#stop(problem as MotusError);
      throw problem;
    }
  }

  /**
   * Does `work` in a transaction, which is undone when it throws.
   *
   * @param isPromised Whether it has to be on the disk, and not only with the kernel.
   * @throws {MotusError} `store_unavailable`.
   */
  write<T>(work: () => T, { isPromised = true } = {}): Promise<T> {
    if (this.#isClosed) return Promise.reject(storeClosed(this.path));
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    this.#waiting.push({ work, isPromised, resolve, reject });
    this.#scheduled ??= setImmediate(() => this.#flush());
    return promise;
  }

  /** Resolves when things can be written (again), and when `signal` fires. */
  async whenWritable(signal: AbortSignal): Promise<void> {
    if (this.#problem !== undefined) await Promise.race([this.#writable.promise, aborted(signal)]);
  }

  /** Writes what waits, and lets go of the file. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#flush();
    this.#isClosed = true;
    clearTimeout(this.#probing);
    // Closing moves the write-ahead log into the file, and a damaged one is left as it is.
    if (!this.#isDamaged) this.#database.close(true);
    this.#lock[Symbol.dispose]();
  }

  #flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    const group = this.#waiting;
    this.#waiting = [];
    if (group.length === 0) return;
    let error = this.#try(group);
    if (error === undefined) return;
    // One that cannot be written must not take the others with it.
    for (const write of group) {
      if (!saysBusy(error)) error = this.#try([write]);
      if (error !== undefined) write.reject(this.#explain(error));
    }
  }

  /** Does some writes in one transaction and resolves their promises; else what was wrong, and nothing has changed. */
  #try(group: readonly Write[]): unknown {
    if (this.#isDamaged) return this.#problem;
    try {
      this.#synchronise(group.some(({ isPromised }) => isPromised));
      this.#begin.run();
      const results = group.map(({ work }) => work());
      this.#commit.run();
      for (const [index, { resolve }] of group.entries()) resolve(results[index] as never);
      return undefined;
    } catch (error) {
      this.#undo();
      return error ?? new Error("A write failed");
    }
  }

  #undo(): void {
    try {
      if (this.#database.inTransaction) this.#database.run("ROLLBACK");
    } catch {
      // SQLite has done so itself.
    }
  }

  /** Whether commits wait for the disk. */
  #synchronise(isFull: boolean): void {
    if (this.#isFull === isFull) return;
    this.#database.run(`PRAGMA synchronous = ${isFull ? "FULL" : "NORMAL"}`);
    this.#isFull = isFull;
  }

  #explain(error: unknown): unknown {
    const explained = storeError(error, `save to the store ${this.path}`, { goesOn: true });
    if (MotusError.isInstance(explained) && explained.code === "store_unavailable") this.#stop(explained);
    return explained;
  }

  #stop(problem: MotusError): void {
    if (saysDamaged(problem.cause)) this.#isDamaged = true;
    if (this.#problem === undefined) {
      this.#logger.error({ err: problem.cause, file: this.path }, problem.message);
      this.#writable = Promise.withResolvers();
    }
    this.#problem = problem;
    if (this.#isDamaged || this.#isClosed) return;
    this.#probing ??= setTimeout(() => void this.#probe(), probeMs);
    this.#probing.unref();
  }

  /** Finds out whether there is room again: nobody may send anything as long as the server is not ready. */
  async #probe(): Promise<void> {
    this.#probing = undefined;
    try {
      await this.write(() => this.#database.run("INSERT INTO probes VALUES (zeroblob(?))", [probeBytes]));
      await this.write(() => this.#database.run("DELETE FROM probes"));
    } catch {
      return; // It has asked for the next one.
    }
    if (this.#isDamaged) return;
    this.#problem = undefined;
    this.#writable.resolve();
    this.#logger.info({ file: this.path }, "the store can be written again");
  }
}
