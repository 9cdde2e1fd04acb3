/**
 * The server without HTTP: sessions, the queue, the runner and its workers, webhooks and the sweeper.
 *
 * A turn's way: `send` → store.accept → queue → runner → store.claim → pool → worker → store.finish → waiters.
 */
import { availableParallelism } from "node:os";
import { workerSource } from "../compile/compile-worker.ts";
import { sourceProgram } from "../compile/worker-program.ts";
import { MotusError } from "../errors.ts";
import type { Ending } from "../pool/run-turn.ts";
import { checkDepth, workerEnvironment } from "../pool/worker-environment.ts";
import { WorkerPool } from "../pool/worker-pool.ts";
import type { ChatMessage } from "../protocol/chat-message.ts";
import type { Health, Webhook } from "../protocol/http.ts";
import type { Metadata, TurnLogs } from "../protocol/session.ts";
import type { Bus } from "../session/bus.ts";
import type { EventLog, EventsRead } from "../session/event-log.ts";
import type { Attempt, IdempotencyStore } from "../session/idempotency-store.ts";
import { MemoryBus } from "../session/memory/memory-bus.ts";
import { MemoryTurnQueue } from "../session/memory/memory-turn-queue.ts";
import { isUnderWay, type Session } from "../session/session.ts";
import type { ListQuery, SessionStore, TurnRecord, TurnReference } from "../session/session-store.ts";
import type { Stores } from "../session/stores.ts";
import type { TurnQueue } from "../session/turn-queue.ts";
import { version } from "../version.ts";
import { openSandbox } from "./open-sandbox.ts";
import { openStores } from "./open-stores.ts";
import type { ResolvedOptions } from "./options.ts";
import { recoverTurns } from "./recover-turns.ts";
import { Runner } from "./runner.ts";
import { SourceWatcher } from "./source-watcher.ts";
import type { TurnParts } from "./turn-run.ts";
import { untilStored } from "./until-stored.ts";
import { Webhooks } from "./webhooks.ts";
import { WorkerPrograms } from "./worker-programs.ts";

const cancelled: Ending = { outcome: "cancelled", error: "Turn cancelled", stack: null };
const noMetadata: Metadata = Object.freeze({});
/** In seconds; what a client is told to wait before it tries again. */
const retryAfter = { "Retry-After": "1" };

/** The longest time that a timer can be set for. */
const maxTimerMs = 2 ** 31 - 1;

interface UnfinishedTurn extends TurnReference {
  over: PromiseWithResolvers<void>;
}

type Phase = "new" | "ready" | "draining" | "stopped";

export class Motus {
  readonly options: ResolvedOptions;
  /** Requests by their `Idempotency-Key`. */
  readonly idempotency: IdempotencyStore;
  readonly #stores: Stores;
  readonly #store: SessionStore;
  readonly #queue: TurnQueue = new MemoryTurnQueue();
  readonly #bus: Bus = new MemoryBus();
  readonly #events: EventLog;
  readonly #pool: WorkerPool;
  readonly #programs: WorkerPrograms;
  readonly #watcher: SourceWatcher | undefined;
  readonly #webhooks: Webhooks;
  readonly #runner: Runner;
  /** Turns that were accepted and have not ended. */
  readonly #unfinished = new Map<string, UnfinishedTurn>();
  readonly #closing = new AbortController();
  /** Fires when a stop has no more time to wait for a store that cannot be written. */
  readonly #givingUp = new AbortController();
  /** Settles when what another server has left is taken over. */
  readonly #recovered: Promise<void>;
  #phase: Phase = "new";
  #isStarting = false;
  #isConsuming = false;
  /** Messages that are being accepted: each may become a turn. */
  readonly #accepting = new Set<Promise<void>>();
  #sweeper: Timer | undefined;

  /**
   * Tries the sandbox, opens the store, and takes over what another server has left in it.
   *
   * @throws {MotusError} `nested_too_deep` in a server that was started by its own workers; `sandbox_unavailable`;
   * `store_invalid`, `store_locked`, `store_unavailable`.
   */
  constructor(importPath: string, options: ResolvedOptions, environment: Record<string, string | undefined>) {
    checkDepth(environment, "start a server");
    this.options = options;
    const forWorkers = workerEnvironment(environment, options.env);
    const sandbox = openSandbox(importPath, options, forWorkers);
    this.#stores = openStores(options.store, options);
    const { sessions, events, outbox, idempotency } = this.#stores;
    this.idempotency = idempotency;
    this.#store = sessions;
    this.#events = events;
    const { logger, webhookAllowPrivate: allowPrivate } = options;
    this.#webhooks = new Webhooks({ logger, allowPrivate, outbox });
    if (sandbox) {
      const { sandboxRead: read, sandboxWrite: write, sandboxNoNetwork, env } = options;
      logger.info({ read, write, network: !sandboxNoNetwork, env }, "turns run in a sandbox");
    }
    const source = sourceProgram(workerSource);
    this.#pool = new WorkerPool({
      importPath,
      folder: options.folder,
      environment: forWorkers,
      program: source,
      fallback: source,
      standbyMaxAgeMs: options.standbyMaxAge * 1_000,
      standby: options.standby,
      maxStarts: Math.max(2, availableParallelism()),
      limits: {
        maxOutputBytes: options.maxOutput,
        maxCpuSeconds: options.maxCpu,
        maxMemoryBytes: options.maxMemory * 1024 * 1024,
      },
      sandbox,
      logger: options.logger,
    });
    this.#programs = new WorkerPrograms(this.#pool, {
      importPath,
      folder: options.folder,
      cacheFolder: options.cacheDir,
      environment: forWorkers,
      compile: options.compile,
      isSandboxed: sandbox !== undefined,
      ...(sandbox && { wrap: (command, writable) => sandbox.wrap(command, writable) }),
      logger: options.logger,
    });
    const parts: TurnParts = {
      store: this.#store,
      bus: this.#bus,
      events: this.#events,
      pool: this.#pool,
      webhooks: this.#webhooks,
      logger: options.logger,
      persist: (step) => untilStored(this.#stores, step, this.#givingUp.signal),
      timeoutMs: options.timeout * 1_000,
      interruptTtlMs: options.interruptTtl * 1_000,
      maxInterrupted: options.maxInterrupted,
      maxEvents: options.maxEvents,
    };
    this.#runner = new Runner(parts);
    if (options.watch) {
      const { folder, logger } = options;
      const onChange = () => {
        this.#programs.sourcesChanged();
        this.#pool.discardStandbys();
      };
      this.#watcher = new SourceWatcher({ importPath, folder, logger, onChange });
    }
    this.#startSweeper();
    this.#recovered = this.#recover({ ...parts, persist: (step) => step() });
    this.#recovered.catch(() => {}); // `start` tells.
  }

  /**
   * Loads the agent once, in a worker, and returns its kind. Turns wait for that, those that another server has left too.
   *
   * @throws {MotusError} `agent_…` when it cannot be loaded; `store_unavailable`.
   */
  async start(): Promise<string> {
    this.#isStarting = true;
    await this.#recovered;
    this.#watcher?.start(); // Before the first worker reads them.
    const { kind, warnings } = await this.#programs.start();
    this.#consume();
    for (const warning of warnings) this.options.logger.warn({ kind }, warning);
    if (this.#phase === "new") this.#phase = "ready";
    return kind;
  }

  /**
   * Whether turns are accepted and the agent is known to load.
   *
   * @throws {MotusError} `shutting_down`, also before it has started; `store_unavailable`, `workers_unavailable`.
   */
  checkReady(): void {
    if (this.#phase !== "ready") {
      throw new MotusError("shutting_down", "Not ready: the server is starting or shutting down", {
        headers: retryAfter,
      });
    }
    const problem = this.#stores.problem ?? this.#pool.problem;
    if (problem !== undefined) throw problem;
  }

  async health(): Promise<Health> {
    return {
      status: "ok",
      max_workers: this.options.workers,
      running_workers: this.#queue.running,
      standby_workers: this.#pool.standbyWorkers,
      queued_turns: this.#queue.waiting,
      interrupted_turns: this.#runner.interruptedTurns,
      total_sessions: await this.#store.count(),
      version,
    };
  }

  /**
   * @param input `attempt`: gives the session its id; when it is repeated, the session may be there already.
   * @throws {MotusError} `session_exists`, `session_limit_reached`.
   */
  async createSession(input: {
    sessionId?: string;
    state?: ChatMessage[];
    metadata?: Metadata;
    owner?: string | null;
    attempt?: Attempt | undefined;
  }): Promise<Session> {
    const { attempt } = input;
    const before = attempt?.isRepeated ? await this.#store.get(attempt.id) : null;
    if (before !== null) return before;
    const session = await this.#store.create({
      sessionId: input.sessionId ?? attempt?.id ?? crypto.randomUUID(),
      state: input.state?.map((message) => JSON.stringify(message)) ?? [],
      metadata: input.metadata ?? noMetadata,
      owner: input.owner ?? null,
      at: Date.now(),
    });
    if (session === "exists") throw new MotusError("session_exists", "Session already exists");
    if (session === "full") {
      throw new MotusError("session_limit_reached", "Maximum number of sessions reached", {
        headers: retryAfter,
      });
    }
    return session;
  }

  /** @throws {MotusError} `session_not_found`. */
  async getSession(sessionId: string): Promise<Session> {
    return found(await this.#store.get(sessionId));
  }

  /**
   * The session as soon as no turn runs in it, or as it is when the time is over, the caller has gone or the server stops.
   *
   * @throws {MotusError} `session_not_found`, also when it is deleted meanwhile.
   */
  async waitForSession(
    sessionId: string,
    wait: { timeoutMs?: number; signal?: AbortSignal },
  ): Promise<Session> {
    const over = new AbortController();
    // A turn that is left to the next server does not end while this one is there.
    for (const signal of [wait.signal, this.#closing.signal]) {
      signal?.addEventListener("abort", () => over.abort(), { signal: over.signal });
      if (signal?.aborted) over.abort();
    }
    const timer =
      wait.timeoutMs === undefined
        ? undefined
        : setTimeout(() => over.abort(), Math.min(wait.timeoutMs, maxTimerMs));
    try {
      for (;;) {
        const changed = Promise.withResolvers<void>();
        // Subscribe before reading: a change between the two would be missed the other way round.
        const unsubscribe = this.#bus.subscribe(sessionId, changed.resolve);
        over.signal.addEventListener("abort", () => changed.resolve(), { once: true });
        try {
          const session = found(await this.#store.get(sessionId));
          if (session.status !== "running" || over.signal.aborted) return session;
          await changed.promise;
        } finally {
          unsubscribe();
        }
      }
    } finally {
      clearTimeout(timer);
      over.abort();
    }
  }

  listSessions(query: ListQuery): Promise<Session[]> {
    return this.#store.list(query);
  }

  /** @throws {MotusError} `session_not_found`. */
  async setMetadata(sessionId: string, metadata: Metadata): Promise<Session> {
    return found(await this.#store.setMetadata(sessionId, metadata, Date.now()));
  }

  /** The state, each message as JSON. @throws {MotusError} `session_not_found`. */
  async messages(sessionId: string): Promise<readonly string[]> {
    return found(await this.#store.messages(sessionId));
  }

  /** Deletes a session; resolves when its turn is gone, process and all. @throws {MotusError} `session_not_found`. */
  async deleteSession(sessionId: string): Promise<void> {
    const session = found(await this.#store.remove(sessionId));
    await this.#bus.publish(sessionId);
    if (isUnderWay(session)) {
      const turn = { sessionId, turnId: session.turnId };
      if (await this.#queue.drop(turn)) this.#over(turn);
    }
    // Also one that has just ended: it may still be saying so, and would leave events that nobody removes.
    await this.#runner.stopSession(sessionId, cancelled);
    // The session is gone, and so must be its events: a refusal now would say that nothing was done.
    await untilStored(this.#stores, () => this.#events.remove(sessionId), this.#givingUp.signal);
  }

  /**
   * Answers a question of the session's turn; the same answer may be given again.
   *
   * @throws {MotusError} `session_not_found`, `session_not_interrupted`, `interrupt_not_found`, `interrupt_answered`.
   */
  async resume(sessionId: string, interruptId: string, value: unknown): Promise<Session> {
    const asking = found(await this.#store.get(sessionId));
    // An answer that is taken now would be kept, and never heard: the turn's end refuses it for good.
    if (asking.status === "interrupted") await this.#runner.heard(asking.turnId);
    const text = JSON.stringify(value);
    const answer = { sessionId, interruptId, value: text, at: Date.now() };
    const resumed = await this.#store.resume(answer);
    switch (resumed) {
      case "missing":
        throw notFound();
      case "conflict":
        throw new MotusError(
          "interrupt_answered",
          "Cannot answer the question: it was given another answer before",
        );
      case "unknown":
        throw unknownInterrupt(found(await this.#store.get(sessionId)));
      case "repeated":
        return found(await this.#store.get(sessionId));
      default:
        if (isUnderWay(resumed) && !this.#runner.resume(resumed.turnId, interruptId, text)) {
          throw new MotusError("session_not_interrupted", "Cannot answer: the turn is being ended");
        }
        await this.#bus.publish(sessionId);
        return resumed;
    }
  }

  /**
   * Stops the session's turn, whether it waits, runs or asks; resolves when it has ended, process and all.
   *
   * @throws {MotusError} `session_not_found`, `session_not_running`, `store_unavailable`.
   */
  async cancel(sessionId: string): Promise<Session> {
    if (this.#stores.problem !== undefined) throw this.#stores.problem; // Or it would wait for the end of that.
    const session = found(await this.#store.get(sessionId));
    if (!isUnderWay(session)) {
      throw new MotusError(
        "session_not_running",
        `Cannot cancel: no turn runs, the session is ${session.status}`,
      );
    }
    const turn = { sessionId, turnId: session.turnId };
    if (await this.#queue.drop(turn)) {
      await this.#runner.end(turn, cancelled);
      this.#over(turn);
    } else {
      await this.#runner.stop(turn.turnId, cancelled);
    }
    return found(await this.#store.get(sessionId));
  }

  /** The session's last hundred ended turns, oldest first. @throws {MotusError} `session_not_found`. */
  async turns(sessionId: string): Promise<readonly TurnRecord[]> {
    return found(await this.#store.turns(sessionId));
  }

  /** One ended turn. @throws {MotusError} `session_not_found`, `turn_not_found`. */
  async turn(sessionId: string, turnId: string): Promise<TurnRecord> {
    const record = (await this.turns(sessionId)).find(({ receipt }) => receipt.turn_id === turnId);
    if (record !== undefined) return record;
    throw new MotusError(
      "turn_not_found",
      "Cannot find the turn: it has not ended yet, or a hundred turns have since",
    );
  }

  /** What a turn wrote, also while it runs. @throws {MotusError} `session_not_found`, `turn_not_found`. */
  async logs(sessionId: string, turnId: string): Promise<TurnLogs> {
    const session = await this.getSession(sessionId);
    if (isUnderWay(session) && session.turnId === turnId) return this.#runner.logs(turnId) ?? noLogs(turnId);
    const { receipt, logs } = await this.turn(sessionId, turnId);
    if (logs !== null || receipt.started_at === null) return logs ?? noLogs(turnId);
    throw new MotusError(
      "turn_not_found",
      "Cannot find what the turn wrote: it is kept for the last ten turns only",
    );
  }

  /** At most `limit` events after a number. @throws {MotusError} `session_not_found`. */
  async events(sessionId: string, after: number, limit: number): Promise<EventsRead> {
    await this.getSession(sessionId);
    return this.#events.read(sessionId, after, limit);
  }

  /** Calls back whenever something about the session may have changed; returns how to stop. */
  watch(sessionId: string, listener: () => void): () => void {
    return this.#bus.subscribe(sessionId, listener);
  }

  /** Fires when the server has ended all turns and closes. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /**
   * Accepts a message as a turn and returns the turn's id.
   *
   * @param attempt Gives the turn its id; when it is repeated, the turn may have been accepted already.
   * @throws {MotusError} `session_not_found`, `session_busy`, `queue_full`, `shutting_down`; `validation_failed`
   * when the webhook cannot be called.
   */
  async send(
    sessionId: string,
    message: ChatMessage,
    webhook: Webhook | null,
    attempt?: Attempt,
  ): Promise<string> {
    if (attempt?.isRepeated && (await this.#wasAccepted(sessionId, attempt.id))) return attempt.id;
    if (this.#phase === "draining" || this.#phase === "stopped") {
      throw new MotusError("shutting_down", "Cannot accept a message: the server is shutting down", {
        headers: retryAfter,
      });
    }
    if (webhook !== null) this.#webhooks.check(webhook);
    const turn = { sessionId, turnId: attempt?.id ?? crypto.randomUUID() };
    const isFull = this.#isQueueFull();
    const decided = Promise.withResolvers<void>();
    this.#accepting.add(decided.promise);
    try {
      if (isFull) {
        found(await this.#store.get(sessionId));
        throw new MotusError(
          "queue_full",
          `Cannot accept a message: ${this.#queue.waiting} turns wait already, send it again later`,
          { headers: retryAfter },
        );
      }
      const accepted = await this.#store.accept({
        ...turn,
        message: JSON.stringify(message),
        webhook,
        acceptedAt: Date.now(),
      });
      if (accepted === "missing") throw notFound();
      if (accepted !== "accepted") throw new MotusError("session_busy", `Session is ${accepted}`);
      await this.#enqueue(turn);
      if (!this.#isStarting) this.#consume(); // It is used without an address.
      return turn.turnId;
    } finally {
      this.#accepting.delete(decided.promise);
      decided.resolve();
    }
  }

  /** Accepts no more turns; those that were accepted go on. */
  drain(): void {
    if (this.#phase !== "stopped") this.#phase = "draining";
  }

  /** Resolves when every accepted turn has ended, and none is being accepted. */
  async idle(): Promise<void> {
    while (this.#accepting.size + this.#unfinished.size > 0) {
      const ends = [...this.#unfinished.values()].map((turn) => turn.over.promise);
      await Promise.all([...this.#accepting, ...ends]);
    }
  }

  /**
   * Ends what still runs, and all workers; then delivers webhooks until `signal` fires. What still waits is left to the
   * next server, if the store outlives this one, and else ended as well.
   */
  async close(signal: AbortSignal): Promise<void> {
    this.#phase = "stopped";
    clearInterval(this.#sweeper);
    this.#givingUp.abort();
    await this.#recovered.catch(() => {});
    for (const turn of this.#unfinished.values()) {
      if (!(await this.#queue.drop(turn))) continue;
      await this.#leave(turn);
      this.#over(turn);
    }
    await this.#runner.stopAll(cancelled);
    this.#closing.abort();
    this.#watcher?.close();
    await Promise.all([this.#programs.close(), this.#pool.close()]);
    await this.#webhooks.close(signal);
  }

  /** Lets go of the store, when nobody asks for anything any more. */
  async closeStores(): Promise<void> {
    await this.#stores.close();
  }

  async #recover(parts: TurnParts): Promise<void> {
    const { outbox, idempotency, isDurable } = this.#stores;
    if (!isDurable) return;
    await idempotency.recover(); // Before this server takes any key itself.
    const webhooks = await outbox.pending();
    for (const webhook of webhooks) this.#webhooks.resume(webhook);
    const { waiting, lost } = await recoverTurns(parts);
    for (const turn of waiting) await this.#enqueue(turn);
    if (webhooks.length + waiting.length + lost === 0) return;
    this.options.logger.info(
      { waiting: waiting.length, lost, webhooks: webhooks.length },
      "took over what another server has left: turns that wait go on, those that ran are lost",
    );
  }

  /** Leaves a turn that has not started to the next server, if the store outlives this one; else ends it. */
  async #leave(turn: TurnReference): Promise<void> {
    if (!this.#stores.isDurable) await this.#runner.end(turn, cancelled);
  }

  async #enqueue(turn: TurnReference): Promise<void> {
    // It was accepted while the server was being closed.
    if (this.#phase === "stopped") return this.#leave(turn);
    this.#unfinished.set(turn.turnId, { ...turn, over: Promise.withResolvers() });
    await this.#queue.push(turn);
  }

  /** Starts to run turns. */
  #consume(): void {
    if (this.#isConsuming) return;
    this.#isConsuming = true;
    this.#queue.consume(this.options.workers, async (turn, slot) => {
      this.#watcher?.check();
      await this.#runner.run(turn, slot);
      this.#over(turn);
    });
  }

  #over(turn: TurnReference): void {
    this.#unfinished.get(turn.turnId)?.over.resolve();
    this.#unfinished.delete(turn.turnId);
  }

  async #wasAccepted(sessionId: string, turnId: string): Promise<boolean> {
    const session = found(await this.#store.get(sessionId));
    if (isUnderWay(session) && session.turnId === turnId) return true;
    return (await this.turns(sessionId)).some(({ receipt }) => receipt.turn_id === turnId);
  }

  #isQueueFull(): boolean {
    const free = this.options.workers - this.#queue.running;
    return this.#queue.waiting + this.#accepting.size >= this.options.maxQueue + Math.max(0, free);
  }

  #startSweeper(): void {
    const ttlMs = this.options.ttl * 1_000;
    if (ttlMs === 0) return;
    // Often enough that nothing outlives its time by more than a quarter, seldom enough to cost nothing.
    const intervalMs = Math.min(60_000, Math.max(100, ttlMs / 4));
    this.#sweeper = setInterval(() => void this.#sweep(ttlMs), intervalMs);
    this.#sweeper.unref();
  }

  async #sweep(ttlMs: number): Promise<void> {
    if (this.#stores.problem !== undefined) return;
    try {
      const expired = await this.#store.expire(Date.now() - ttlMs);
      for (const sessionId of expired) {
        await this.#events.remove(sessionId);
        await this.#bus.publish(sessionId);
      }
      if (expired.length > 0) this.options.logger.info({ sessions: expired.length }, "sessions expired");
    } catch (error) {
      this.options.logger.error({ err: error }, "expired sessions could not be removed");
    }
  }
}

function found<T>(value: T | null): T {
  if (value === null) throw notFound();
  return value;
}

function unknownInterrupt(session: Session): MotusError {
  if (session.status === "interrupted") {
    return new MotusError(
      "interrupt_not_found",
      "Cannot answer: the session asks no question with this interrupt_id",
    );
  }
  return new MotusError(
    "session_not_interrupted",
    `Cannot answer: the session is ${session.status} and asks nothing`,
  );
}

function noLogs(turnId: string): TurnLogs {
  const nothing = { entries: [], total_bytes: 0, cut_bytes: 0 };
  return { turn_id: turnId, stdout: nothing, stderr: nothing };
}

function notFound(): MotusError {
  return new MotusError("session_not_found", "Session not found");
}
