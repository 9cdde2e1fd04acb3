/** The worker's only turn, from `turn-start` to `turn-end`. */
import { setCurrentTurn } from "../agent/current-turn.ts";
import { runAgent } from "../agent/run-agent.ts";
import { serialiseTurn } from "../agent/serialise-turn.ts";
import type { AgentFunction } from "../agent/types.ts";
import { splitLines } from "../protocol/json-lines.ts";
import type { FromWorker, ToWorker, TurnEndMessage } from "../protocol/worker-message.ts";
import { WorkerTurnContext } from "./turn-context.ts";

/**
 * The most that one turn may return. A result travels as one message, which the server must hold in memory
 * several times over while it arrives.
 */
const maxResultCharacters = 128 * 1024 * 1024;
const maxStackCharacters = 8 * 1024;

type TurnStart = Extract<ToWorker, { type: "turn-start" }>;

export class WorkerTurn {
  readonly #context: WorkerTurnContext;
  readonly #start: TurnStart;
  readonly #send: (message: FromWorker) => void;
  #hasEnded = false;

  constructor(start: TurnStart, send: (message: FromWorker) => void) {
    this.#start = start;
    this.#send = send;
    this.#context = new WorkerTurnContext(start, send);
  }

  /** Runs the agent and sends the turn's end; never rejects. */
  async run(agent: AgentFunction): Promise<void> {
    const { sessionId, turnId, message } = this.#start;
    const lines = this.#start.state.flatMap((piece) => splitLines(piece));
    process.env.MOTUS_SESSION_ID = sessionId;
    process.env.MOTUS_TURN_ID = turnId;
    setCurrentTurn(this.#context);
    try {
      const state = lines.map((line) => JSON.parse(line));
      const turn = await runAgent(agent, JSON.parse(message), state, this.#context);
      const serialised = serialiseTurn(turn, lines, maxResultCharacters);
      this.#end({ type: "turn-end", status: "completed", ...serialised, lingers: lingers() });
    } catch (error) {
      this.#fail(error);
    }
  }

  answer(interruptId: string, value: string): void {
    this.#context.answer(interruptId, value);
  }

  /** Tells the agent to stop. One that cannot hear it has nothing to put in order, so its turn ends at once. */
  abort(reason: string): void {
    if (!this.#context.abort(reason)) this.#fail(new DOMException(reason, "AbortError"));
  }

  #fail(error: unknown): void {
    this.#end({ type: "turn-end", status: "failed", ...describeError(error), lingers: lingers() });
  }

  #end(message: TurnEndMessage): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#context.flush();
    this.#send(message);
  }
}

/** `Name: message` and the stack of whatever was thrown, an Error or not. */
function describeError(thrown: unknown): { error: string; stack: string | null } {
  try {
    if (thrown instanceof Error) {
      const stack = thrown.stack?.slice(0, maxStackCharacters) ?? null;
      return { error: `${thrown.name}: ${thrown.message}`, stack };
    }
    const what = typeof thrown === "string" ? thrown : Bun.inspect(thrown, { depth: 2 });
    return { error: `Error: Agent threw ${what}`, stack: null };
  } catch {
    // A getter or a proxy of the agent's own may throw while it is read.
    return { error: "Error: Agent threw a value that cannot be described", stack: null };
  }
}

/** Whether the agent wants to do something at exit, so that the process must not be killed before it. */
function lingers(): boolean {
  return process.listenerCount("exit") > 0;
}
