/** Accepted turn → worker → recorded outcome: the one path that every turn takes. */
import type { Logger } from "../logger.ts";
import type { CapturedOutput } from "../pool/captured-output.ts";
import type { Ending, TurnEnd } from "../pool/run-turn.ts";
import type { WorkerPool } from "../pool/worker-pool.ts";
import type { TurnEvent } from "../protocol/event.ts";
import type { Receipt } from "../protocol/session.ts";
import type { Bus } from "../session/bus.ts";
import type { EventLog } from "../session/event-log.ts";
import type { AcceptedTurn, Finish, SessionStore, TurnReference } from "../session/session-store.ts";
import type { Webhooks } from "./webhooks.ts";

export interface RunnerParts {
  store: SessionStore;
  bus: Bus;
  events: EventLog;
  pool: WorkerPool;
  webhooks: Webhooks;
  logger: Logger;
  /** 0 for no limit. */
  timeoutMs: number;
}

const maxLoggedCharacters = 4_000;

interface RunningTurn {
  controller: AbortController;
  done: Promise<void>;
}

export class Runner {
  readonly #parts: RunnerParts;
  readonly #running = new Map<string, RunningTurn>();

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  /** Runs one turn to its recorded outcome; never rejects. */
  run(turn: TurnReference): Promise<void> {
    const controller = new AbortController();
    const done = this.#run(turn, controller.signal)
      .catch((error) =>
        this.#parts.logger.error({ err: error, turn_id: turn.turnId }, "the turn could not be recorded"),
      )
      .finally(() => this.#running.delete(turn.turnId));
    this.#running.set(turn.turnId, { controller, done });
    return done;
  }

  /** Stops a turn if it runs, and resolves when its process is gone and its outcome is recorded. */
  async stop(turnId: string, ending: Ending): Promise<void> {
    const running = this.#running.get(turnId);
    running?.controller.abort(ending);
    await running?.done;
  }

  /** Stops all turns that run. */
  async stopAll(ending: Ending): Promise<void> {
    await Promise.all([...this.#running.keys()].map((turnId) => this.stop(turnId, ending)));
  }

  /** Ends a turn that never started. */
  async end(turn: TurnReference, ending: Ending): Promise<void> {
    const claimed = await this.#parts.store.claim(turn);
    if (claimed === null) return;
    await this.#record(claimed.turn, { ending, startedAt: null, endedAt: Date.now(), exit: null });
  }

  async #run(reference: TurnReference, stop: AbortSignal): Promise<void> {
    const { store, pool, timeoutMs } = this.#parts;
    const claimed = await store.claim(reference);
    if (claimed === null) return; // The session was deleted while the turn waited.
    const { turn, state } = claimed;
    await this.#append(turn, { type: "turn-start" });
    const end = await pool.run({ ...reference, message: turn.message, state }, { timeoutMs, stop });
    await this.#record(turn, end);
  }

  async #record(turn: AcceptedTurn, end: TurnEnd): Promise<void> {
    const { store, bus, webhooks } = this.#parts;
    const receipt = receiptOf(turn, end);
    const finish = finishOf(turn, end, receipt);
    const session = await store.finish(finish);
    this.#log(turn, end, receipt, session === null);
    if (session !== null) {
      const { ending } = end;
      await this.#append(turn, {
        type: "turn-end",
        outcome: ending.outcome,
        response: ending.outcome === "completed" ? JSON.parse(ending.result.response) : null,
        error: ending.outcome === "completed" ? null : ending.error,
        receipt,
      });
      if (turn.webhook !== null) webhooks.send(turn.webhook, session, await store.messages(turn.sessionId));
    }
    await bus.publish(turn.sessionId);
  }

  async #append(
    turn: TurnReference,
    event: DistributiveOmit<TurnEvent, "session_id" | "turn_id">,
  ): Promise<void> {
    const named = { ...event, session_id: turn.sessionId, turn_id: turn.turnId };
    await this.#parts.events.append(turn.sessionId, [JSON.stringify(named)]);
  }

  #log(turn: TurnReference, { ending, exit }: TurnEnd, receipt: Receipt, discarded: boolean): void {
    const { logger } = this.#parts;
    const { queued_ms, duration_ms, cpu_ms, max_rss_bytes, outcome } = receipt;
    const fields = {
      session_id: turn.sessionId,
      turn_id: turn.turnId,
      outcome,
      queued_ms,
      duration_ms,
      cpu_ms,
      max_rss_bytes,
    };
    const wrote = { ...tail("stdout", exit?.stdout), ...tail("stderr", exit?.stderr) };
    if (discarded) return logger.info({ ...fields, ...wrote }, "turn discarded: its session is gone");
    if (ending.outcome === "completed") return logger.info({ ...fields, ...wrote }, "turn completed");
    const why = { error: ending.error, ...(ending.stack !== null && { stack: ending.stack }) };
    logger.warn({ ...fields, ...why, ...wrote }, `turn ${outcome.replace("_", " ")}`);
  }
}

/** The end of what the agent wrote, for the turn's line in the log. */
function tail(name: string, output: CapturedOutput | undefined): Record<string, string> {
  const text = output?.text().trimEnd() ?? "";
  return text === ""
    ? {}
    : { [name]: text.length > maxLoggedCharacters ? `…${text.slice(-maxLoggedCharacters)}` : text };
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function receiptOf(turn: AcceptedTurn, { ending, startedAt, endedAt, exit }: TurnEnd): Receipt {
  const delivered = ending.outcome === "completed" || ending.outcome === "failed";
  return {
    turn_id: turn.turnId,
    outcome: ending.outcome,
    queued_ms: (startedAt ?? endedAt) - turn.acceptedAt,
    duration_ms: startedAt === null ? null : endedAt - startedAt,
    cpu_ms: exit === null ? null : Math.round(exit.cpuMs * 100) / 100,
    max_rss_bytes: exit?.maxRssBytes ?? null,
    // A worker that has delivered is killed instead of waited for; that is not how its turn ended.
    exit_code: delivered ? (exit?.exitCode ?? 0) : (exit?.exitCode ?? null),
    signal: delivered ? null : (exit?.signal ?? null),
    usage: null,
    started_at: startedAt === null ? null : new Date(startedAt).toISOString(),
    ended_at: new Date(endedAt).toISOString(),
  };
}

function finishOf(turn: AcceptedTurn, { ending, endedAt }: TurnEnd, receipt: Receipt): Finish {
  const names = { sessionId: turn.sessionId, turnId: turn.turnId, at: endedAt };
  if (ending.outcome === "completed") {
    return { ...names, type: "complete", ...ending.result, record: { receipt, error: null, stack: null } };
  }
  const { error, stack } = ending;
  const type = ending.outcome === "cancelled" ? "cancel" : "fail";
  return { ...names, type, error, record: { receipt, error, stack } };
}
