/** One turn in one worker: start it, stop it when asked or when its time is over, say how it ended. */

import { isChatMessage } from "../protocol/chat-message.check.ts";
import { splitLines } from "../protocol/json-lines.ts";
import type { Outcome, TurnLogs } from "../protocol/session.ts";
import type { TurnEndMessage, TurnMessage } from "../protocol/worker-message.ts";
import type { Excess } from "./limits/worker-limits.ts";
import { exitGraceMs, graceMs } from "./terminate.ts";
import { TurnClock } from "./turn-clock.ts";
import type { WorkerExit, WorkerProcess } from "./worker-process.ts";

export interface TurnInput {
  sessionId: string;
  turnId: string;
  /** The message, as JSON. */
  message: string;
  /** The state as JSON Lines, in pieces that follow one another. */
  state: { readonly texts: readonly string[]; readonly count: number };
}

export interface TurnResult {
  /** The response, as JSON. */
  response: string;
  /** How many messages of the state stay, counted from the start. */
  keep: number;
  /** The messages that follow them, each as JSON. */
  append: string[];
}

/** Why a turn ended. Whoever is first says it; the process that is still to be ended changes nothing. */
export type Ending =
  | { outcome: "completed"; result: TurnResult }
  | { outcome: Exclude<Outcome, "completed">; error: string; stack: string | null };

export interface TurnEnd {
  ending: Ending;
  /** When the worker was given the turn, in milliseconds since 1970; null when it never was. */
  startedAt: number | null;
  endedAt: number;
  /** The process, gone by now; null when there was none. */
  exit: WorkerExit | null;
}

/** What a turn says before its end. */
export type TurnSpeech = Exclude<TurnMessage, TurnEndMessage | { type: "turn-pong" }>;

/** What can be done with a turn while a worker runs it. */
export interface TurnHandle {
  /** Gives the agent the answer to a question, as JSON. */
  answer(interruptId: string, value: string): void;
  /**
   * Whether there is a worker to take an answer, which it is asked. One that says nothing for a while is there: its agent
   * computes, and gets its answer later.
   */
  ping(): Promise<boolean>;
  /** The time that the turn may run. */
  readonly clock: TurnClock;
  /** What the worker wrote so far. */
  logs(): TurnLogs;
}

export interface RunTurnOptions {
  /** How long the turn may run, in milliseconds; 0 for as long as it likes. */
  timeoutMs: number;
  /** Ends the turn when it fires; its reason is the Ending. */
  stop: AbortSignal;
  /** Called once, when a worker has the turn. */
  onStart(handle: TurnHandle): void;
  /** Called with what the turn says, in order, until it has ended or is stopped. */
  onSpeech(speech: TurnSpeech): void;
}

/** What a pipe holds: a worker that wrote less than this has nothing left in buffers of its own. */
const pipeBytes = 64 * 1024;

/** How long a worker may take to say that it is there. */
const pingMs = 500;

/** Runs a turn in a worker that was taken for it. Never rejects for what the worker did. */
export async function runTurn(
  worker: WorkerProcess,
  input: TurnInput,
  options: RunTurnOptions,
): Promise<TurnEnd> {
  const startedAt = Date.now();
  // Every timer and listener of the turn hangs on this, so that none of them outlives the process.
  const over = new AbortController();
  let ending: Ending | undefined;

  const end = (message: TurnEndMessage) => {
    const stopped = ending !== undefined;
    ending ??= endingOf(message, input.state.count);
    if (stopped || !mustExitByItself(worker, message)) return worker.kill();
    worker.send({ type: "worker-exit" });
    killAfter(worker, exitGraceMs, over.signal);
  };
  const stop = (cause: Ending, reason: string) => {
    if (ending !== undefined) return;
    ending = cause;
    worker.send({ type: "turn-abort", reason });
    killAfter(worker, graceMs, over.signal);
  };
  let pong: PromiseWithResolvers<void> | undefined;
  worker.onMessage = (message) => {
    if (message.type === "turn-end") end(message);
    else if (message.type === "turn-pong") pong?.resolve();
    else if (ending === undefined) options.onSpeech(message);
  };
  worker.ready.then(
    // Only now, so that a turn has the same time whether or not its worker stood by.
    () => worker.limitCpu(),
    (error) => {
      if (!worker.hasExited)
        ending ??= { outcome: "failed", error: `${error.name}: ${error.message}`, stack: null };
    },
  );
  const timedOut: Ending = { outcome: "timed_out", error: "Agent timed out", stack: null };
  const clock = new TurnClock(options.timeoutMs, () => stop(timedOut, "The turn timed out"));
  const stopAsked = () => stop(options.stop.reason, "The turn was stopped");
  options.stop.addEventListener("abort", stopAsked, { signal: over.signal });

  options.onStart({
    answer: (interruptId, value) => worker.send({ type: "interrupt-answer", interruptId, value }),
    ping: async () => {
      if (pong === undefined) {
        pong = Promise.withResolvers();
        worker.send({ type: "turn-ping" });
        after(pingMs, over.signal, pong.resolve);
      }
      await Promise.race([pong.promise, worker.exited]);
      pong = undefined;
      return !worker.hasExited;
    },
    clock,
    logs: () => logsOf(input.turnId, worker),
  });
  const { sessionId, turnId, message, state } = input;
  worker.send({ type: "turn-start", sessionId, turnId, message, state: state.texts });
  clock.start();
  if (options.stop.aborted) stopAsked();

  const exit = await worker.exited;
  over.abort();
  clock.stop();
  ending ??= exit.excess === null ? crashed(exit) : exceeded(exit.excess);
  return { ending, startedAt, endedAt: Date.now(), exit };
}

/** What a worker wrote, as the API shows it. */
export function logsOf(turnId: string, { stdout, stderr }: Pick<WorkerExit, "stdout" | "stderr">): TurnLogs {
  return { turn_id: turnId, stdout: stdout.view(), stderr: stderr.view() };
}

/** How a turn ends that has used more than it may. */
export function exceeded({ outcome, did }: Excess): Ending {
  return { outcome, error: `Agent ${did}`, stack: null };
}

function endingOf(message: TurnEndMessage, stateLength: number): Ending {
  if (message.status === "failed") return { outcome: "failed", error: message.error, stack: message.stack };
  const append = splitLines(message.append);
  if (message.keep > stateLength || !isResponse(message.response) || !append.every(isObjectText)) {
    return { outcome: "crashed", error: crashText("malformed result on its channel"), stack: null };
  }
  return { outcome: "completed", result: { response: message.response, keep: message.keep, append } };
}

/** Whether a text is a message that can be read, and written again when it is shown. */
function isResponse(text: string): boolean {
  try {
    const response: unknown = JSON.parse(text);
    return isChatMessage(response) && JSON.stringify(response) !== undefined;
  } catch {
    return false;
  }
}

/** A glance only: the messages of a state are never parsed here. */
function isObjectText(text: string): boolean {
  return text.startsWith("{") && text.endsWith("}");
}

/** Killing a worker is cheaper than its own exit, and right unless something would be lost. */
function mustExitByItself(worker: WorkerProcess, message: TurnEndMessage): boolean {
  return message.lingers || worker.stdout.totalBytes >= pipeBytes || worker.stderr.totalBytes >= pipeBytes;
}

function crashed(exit: WorkerExit): Ending {
  const how =
    exit.violation ?? (exit.signal === null ? `exit code ${exit.exitCode}` : `signal ${exit.signal}`);
  return { outcome: "crashed", error: crashText(how), stack: null };
}

function crashText(how: string): string {
  return `Worker process exited unexpectedly (${how})`;
}

function killAfter(worker: WorkerProcess, ms: number, over: AbortSignal): void {
  after(ms, over, () => worker.kill());
}

function after(ms: number, over: AbortSignal, act: () => void): void {
  const timer = setTimeout(act, ms);
  over.addEventListener("abort", () => clearTimeout(timer), { once: true });
}
