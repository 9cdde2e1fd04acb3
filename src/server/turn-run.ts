/**
 * One turn on the server's side, from the moment it was claimed to its recorded outcome.
 *
 * What the worker says is taken in strictly one after the other. While the turn waits for a person it is parked: it
 * holds no slot and its clock stands still.
 */
import { TypeCompiler } from "@sinclair/typebox/compiler";
import { eventExcess } from "../pool/limits/worker-limits.ts";
import { type Ending, exceeded, type TurnEnd, type TurnHandle, type TurnSpeech } from "../pool/run-turn.ts";
import type { WorkerPool } from "../pool/worker-pool.ts";
import { AgentEventSchema, type TurnEvent } from "../protocol/event.ts";
import type { Interrupt } from "../protocol/interrupt.ts";
import { splitLines } from "../protocol/json-lines.ts";
import { maxEventCharacters, maxOpenQuestions, maxQuestionCharacters } from "../protocol/limits.ts";
import type { TokenUsage, TurnLogs } from "../protocol/session.ts";
import type { NewEvent } from "../session/event-log.ts";
import type { Session } from "../session/session.ts";
import type { AcceptedTurn } from "../session/session-store.ts";
import { type StateText, textsOf } from "../session/state-text.ts";
import type { Slot } from "../session/turn-queue.ts";
import { eventNames, namedEvent, type RecordParts, recordTurn } from "./record-turn.ts";

export interface TurnParts extends RecordParts {
  pool: WorkerPool;
  /** 0 for no limit. */
  timeoutMs: number;
  /** How long a question waits for its answer; 0 for ever. */
  interruptTtlMs: number;
  /** How many turns may wait for a person. */
  maxInterrupted: number;
  /** How many events a turn may say; 0 for any. */
  maxEvents: number;
}

const eventChecker = TypeCompiler.Compile(AgentEventSchema);

export class TurnRun {
  readonly turn: AcceptedTurn;
  readonly #parts: TurnParts;
  readonly #slot: Slot;
  readonly #mayPark: () => boolean;
  readonly #stop = new AbortController();
  /** The questions that wait, each with the timer of its end. */
  readonly #questions = new Map<string, Timer | undefined>();
  #handle: TurnHandle | undefined;
  #usage: TokenUsage | null = null;
  #events = 0;
  /** What was wrong with something that the turn said; the first such thing. */
  #fault: Ending | undefined;
  /** The fields that each of the turn's events begins with, as JSON. */
  readonly #names: string;
  /** What is to be done, one after the other. */
  #tasks: Promise<void> = Promise.resolve();

  /** @param mayPark Whether one turn more may wait for a person. */
  constructor(
    parts: TurnParts,
    turn: AcceptedTurn,
    { slot, mayPark }: { slot: Slot; mayPark: () => boolean },
  ) {
    this.turn = turn;
    this.#parts = parts;
    this.#slot = slot;
    this.#mayPark = mayPark;
    this.#names = eventNames(turn);
  }

  /** Whether the turn waits for a person. */
  get isParked(): boolean {
    return this.#questions.size > 0;
  }

  /** Whether the agent will get an answer that is given now: not when it is decided how the turn ends. */
  async hears(): Promise<boolean> {
    const isThere = await this.#handle?.ping();
    return isThere === true && !this.#stop.signal.aborted;
  }

  /** What the worker wrote so far; null before it has started. */
  logs(): TurnLogs | null {
    return this.#handle?.logs() ?? null;
  }

  /** Runs the turn to its recorded outcome. */
  async run(state: StateText): Promise<void> {
    const { pool, timeoutMs } = this.#parts;
    const { sessionId, turnId, message } = this.turn;
    await this.#say({ type: "turn-start" });
    const end = await pool.run(
      { sessionId, turnId, message, state: { texts: textsOf(state), count: state.count } },
      {
        timeoutMs,
        stop: this.#stop.signal,
        onStart: (handle) => {
          this.#handle = handle;
        },
        onSpeech: (speech) => this.#listen(speech),
      },
    );
    // Nobody waits for a slot any more, or one would be taken for a turn that is gone.
    this.#stop.abort(end.ending);
    await this.#tasks;
    for (const timer of this.#questions.values()) clearTimeout(timer);
    this.#questions.clear();
    // What was wrong with the turn's speech came before its result, also when both arrived at once.
    const isDelivered = end.ending.outcome === "completed" || end.ending.outcome === "failed";
    await this.record(isDelivered && this.#fault !== undefined ? { ...end, ending: this.#fault } : end);
  }

  /** Ends the turn; what happened first decides how it ended. */
  stop(ending: Ending): void {
    this.#stop.abort(ending);
  }

  /** Hands the agent an answer that the store has taken; false when the turn is being ended. */
  resume(interruptId: string, value: string): boolean {
    if (this.#stop.signal.aborted) return false;
    // At once: an answered question must not expire while what was said before it is taken in.
    clearTimeout(this.#questions.get(interruptId));
    this.#queue(async () => {
      this.#questions.delete(interruptId);
      await this.#say({ type: "interrupt-resolved", interrupt_id: interruptId });
    });
    this.#queue(async () => {
      if (this.isParked) this.#handle?.answer(interruptId, value);
      else void this.#unpark(interruptId, value);
    });
    return true;
  }

  /** Records how the turn ended, and tells whoever wants to know. */
  record(end: TurnEnd): Promise<void> {
    return recordTurn(this.#parts, this.turn, end, this.#usage);
  }

  #queue(task: () => Promise<void>): void {
    this.#tasks = this.#tasks.then(task).catch((error) => {
      this.#parts.logger.error(
        { err: error, turn_id: this.turn.turnId },
        "something that the turn said was lost",
      );
      this.#refuse({
        outcome: "failed",
        error: "Error: The server could not take in what the turn said",
        stack: null,
      });
    });
  }

  /** Events are counted as they arrive: those that wait to be taken in are held in memory. */
  #listen(speech: TurnSpeech): void {
    if (speech.type !== "turn-events") return this.#queue(() => this.#hear(speech));
    const { maxEvents } = this.#parts;
    const lines = splitLines(speech.events);
    const allowed = maxEvents === 0 ? lines : lines.slice(0, Math.max(0, maxEvents - this.#events));
    this.#events += lines.length;
    this.#queue(() => this.#hearEvents(allowed));
    if (allowed.length < lines.length) this.#refuse(exceeded(eventExcess(maxEvents)));
  }

  async #hear(speech: Exclude<TurnSpeech, { type: "turn-events" }>): Promise<void> {
    switch (speech.type) {
      case "turn-usage": {
        const { inputTokens, outputTokens, totalTokens } = speech;
        this.#usage = { input_tokens: inputTokens, output_tokens: outputTokens, total_tokens: totalTokens };
        return;
      }
      case "turn-interrupt":
        return this.#hearQuestion(speech.interruptId, speech.payload);
    }
  }

  async #hearEvents(lines: readonly string[]): Promise<void> {
    const events: NewEvent[] = [];
    for (const line of lines) {
      if (line.length > maxEventCharacters) return this.#violated("event beyond the limit");
      const event: unknown = isPlain(line) ? parse(line) : undefined;
      if (!eventChecker.Check(event) || claimsNames(event)) return this.#violated("malformed event");
      // The text is kept as it came: writing it again would be half of what an event costs.
      events.push({ turnId: this.turn.turnId, type: event.type, fields: this.#names + line.slice(1) });
    }
    await this.#append(events);
  }

  async #hearQuestion(interruptId: string, text: string): Promise<void> {
    if (text.length > maxQuestionCharacters || this.#questions.size >= maxOpenQuestions)
      return this.#violated("question beyond the limits");
    const payload = parse(text);
    if (payload === undefined || this.#questions.has(interruptId))
      return this.#violated("malformed question");
    if (!this.isParked && !this.#mayPark()) {
      const error =
        `Error: ${this.#parts.maxInterrupted} turns wait for a person already; ` +
        "answer or cancel some of them, or start the server with a larger --max-interrupted";
      return this.#refuse({ outcome: "failed", error, stack: null });
    }
    const { store, interruptTtlMs, persist } = this.#parts;
    const interrupt = newInterrupt(interruptId, payload, interruptTtlMs);
    const session = await persist(() => store.interrupt(this.turn, interrupt, Date.now()));
    if (session === null) return; // The session was deleted meanwhile.
    this.#park(interruptId);
    await this.#say({
      type: "interrupt",
      interrupt_id: interruptId,
      interrupt_type: interrupt.type,
      payload,
    });
    await this.#tellWebhook(session);
  }

  #park(interruptId: string): void {
    const { interruptTtlMs } = this.#parts;
    const expired: Ending = { outcome: "failed", error: "Interrupt expired", stack: null };
    const timer = interruptTtlMs === 0 ? undefined : setTimeout(() => this.stop(expired), interruptTtlMs);
    this.#questions.set(interruptId, timer);
    this.#handle?.clock.stop();
    this.#slot.release();
  }

  /** Waits for a slot before the agent gets the last answer: the turn runs again from then on. */
  async #unpark(interruptId: string, value: string): Promise<void> {
    if (!(await this.#slot.acquire(this.#stop.signal)) || this.#stop.signal.aborted) return;
    if (this.isParked)
      this.#slot.release(); // It asked something else meanwhile.
    else this.#handle?.clock.start();
    this.#handle?.answer(interruptId, value);
  }

  async #tellWebhook(session: Session): Promise<void> {
    const { webhook, sessionId } = this.turn;
    if (webhook?.events?.includes("interrupted") !== true) return;
    const { webhooks, store } = this.#parts;
    webhooks.send(webhook, session, await store.messages(sessionId));
  }

  #violated(how: string): void {
    const error = `Worker process exited unexpectedly (${how} on its channel)`;
    this.#refuse({ outcome: "crashed", error, stack: null });
  }

  #refuse(fault: Ending): void {
    this.#fault ??= fault;
    this.stop(this.#fault);
  }

  #say(event: TurnEvent): Promise<void> {
    return this.#append([namedEvent(this.turn, event)]);
  }

  async #append(events: NewEvent[]): Promise<void> {
    const { persist, events: log, bus } = this.#parts;
    await persist(() => log.append(this.turn.sessionId, events));
    await bus.publish(this.turn.sessionId);
  }
}

/**
 * Whether a line can become part of a longer text as it is. JSON may have spaces before its bracket, and line ends that
 * would end a line of an event stream too; workers write neither.
 */
function isPlain(line: string): boolean {
  return line.startsWith('{"') && !line.includes("\r");
}

/** Whether an event bears names that only the server gives. */
function claimsNames(event: object): boolean {
  return "seq" in event || "session_id" in event || "turn_id" in event;
}

function newInterrupt(interruptId: string, payload: unknown, ttlMs: number): Interrupt {
  const now = Date.now();
  const named =
    typeof payload === "object" && payload !== null && "type" in payload ? payload.type : undefined;
  return {
    interrupt_id: interruptId,
    type: typeof named === "string" ? named : "custom",
    payload,
    created_at: new Date(now).toISOString(),
    expires_at: ttlMs === 0 ? null : new Date(now + ttlMs).toISOString(),
  };
}

/** The value of a JSON text that a worker wrote; undefined when it is none. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
