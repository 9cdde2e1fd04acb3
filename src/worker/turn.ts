/** The worker's only turn, from `turn-start` to `turn-end`. */
import { runAgent } from "../agent/run-agent.ts";
import { serialiseTurn } from "../agent/serialise-turn.ts";
import type { AgentFunction, TurnContext } from "../agent/types.ts";
import { splitLines } from "../protocol/json-lines.ts";
import type { ToWorker, TurnEndMessage } from "../protocol/worker-message.ts";

/**
 * The most that one turn may return. A result travels as one message, which the server must hold in memory
 * several times over while it arrives.
 */
const maxResultCharacters = 128 * 1024 * 1024;
const maxStackCharacters = 8 * 1024;

type TurnStart = Extract<ToWorker, { type: "turn-start" }>;
type Send = (message: TurnEndMessage) => void;

/** Set while the turn runs; a worker has one turn, so there is one of it. */
let abort: ((reason: string) => void) | undefined;
let ended = false;

/** Runs the turn and sends its `turn-end`; never rejects. */
export async function startTurn(run: AgentFunction, start: TurnStart, send: Send): Promise<void> {
  const lines = splitLines(start.state);
  const { context, abortTurn } = createContext(start, () => end(send, failed(new Error("Turn aborted"))));
  abort = abortTurn;
  process.env.MOTUS_SESSION_ID = start.sessionId;
  process.env.MOTUS_TURN_ID = start.turnId;
  try {
    const state = lines.map((line) => JSON.parse(line));
    const turn = await runAgent(run, JSON.parse(start.message), state, context);
    end(send, {
      type: "turn-end",
      status: "completed",
      ...serialiseTurn(turn, lines, maxResultCharacters),
      lingers: lingers(),
    });
  } catch (error) {
    end(send, failed(error));
  }
}

/** Tells the agent to stop. */
export function abortTurn(reason: string): void {
  abort?.(reason);
}

function end(send: Send, message: TurnEndMessage): void {
  if (ended) return;
  ended = true;
  send(message);
}

/**
 * The agent's view of the turn. An agent that never asked for the signal cannot react to it, so there is
 * nothing to wait for: then an abort ends the turn at once.
 */
function createContext(
  start: TurnStart,
  endAtOnce: () => void,
): { context: TurnContext; abortTurn(reason: string): void } {
  let controller: AbortController | undefined;
  const context: TurnContext = {
    sessionId: start.sessionId,
    turnId: start.turnId,
    get signal() {
      controller ??= new AbortController();
      return controller.signal;
    },
  };
  const abortTurn = (reason: string) => {
    if (controller === undefined) endAtOnce();
    else controller.abort(new DOMException(reason, "AbortError"));
  };
  return { context, abortTurn };
}

function failed(error: unknown): TurnEndMessage {
  return { type: "turn-end", status: "failed", ...describeError(error), lingers: lingers() };
}

/** `Name: message` and the stack of whatever was thrown, an Error or not. */
function describeError(thrown: unknown): { error: string; stack: string | null } {
  try {
    if (thrown instanceof Error) {
      return {
        error: `${thrown.name}: ${thrown.message}`,
        stack: thrown.stack?.slice(0, maxStackCharacters) ?? null,
      };
    }
    return {
      error: `Error: Agent threw ${typeof thrown === "string" ? thrown : Bun.inspect(thrown, { depth: 2 })}`,
      stack: null,
    };
  } catch {
    // A getter or a proxy of the agent's own may throw while it is read.
    return { error: "Error: Agent threw a value that cannot be described", stack: null };
  }
}

/** Whether the agent wants to do something at exit, so that the process must not be killed before it. */
function lingers(): boolean {
  return process.listenerCount("exit") > 0;
}
