/** A conversation on the command line, from its session's first turn to its end. */
import { type MotusClient, MotusClientError, type SessionEvent } from "../client/client.ts";
import { askPerson } from "./ask-person.ts";
import { type Leave, leaveOnSignal } from "./leave-on-signal.ts";
import { Lines } from "./lines.ts";
import { TurnPrinter } from "./turn-printer.ts";

export interface ChatFlags {
  session?: string;
  keep?: true;
  param?: Record<string, unknown>;
}

/** How long the deletion of the session may take. */
const deletionMs = 10_000;

/**
 * Sends one message, or every line that is typed, and prints the answers as they come.
 *
 * @returns the exit code: 1 when a turn failed, 128 and its number when a signal ended the conversation.
 * @throws {MotusClientError} when the session cannot be had, or is gone.
 */
export async function chat(
  client: MotusClient,
  message: string | undefined,
  flags: ChatFlags,
): Promise<number> {
  using leave = leaveOnSignal();
  if (flags.session !== undefined) {
    const { session_id } = await client.getSession(flags.session);
    return await converse({ client, sessionId: session_id, param: flags.param, leave }, message);
  }
  // Not to be interrupted: a session that was created unseen would stay.
  const { session_id } = await client.createSession();
  try {
    return await converse({ client, sessionId: session_id, param: flags.param, leave }, message);
  } finally {
    if (flags.keep) {
      console.error(
        `The session is kept; go on in it with: motus serve chat ${client.url} --session ${session_id}`,
      );
    } else {
      await remove(client, session_id);
    }
  }
}

interface Conversation {
  client: MotusClient;
  sessionId: string;
  param: Record<string, unknown> | undefined;
  leave: Leave;
}

async function converse(conversation: Conversation, message: string | undefined): Promise<number> {
  const { leave } = conversation;
  using lines = new LazyLines(leave);
  let exitCode = 0;
  try {
    for await (const content of message === undefined ? lines.messages() : [message]) {
      if (!(await takeTurn(conversation, content, lines))) exitCode = 1;
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error;
  }
  return leave.exitCode ?? exitCode;
}

/** One message, its questions and its answer; whether the turn succeeded. */
async function takeTurn(conversation: Conversation, content: string, lines: LazyLines): Promise<boolean> {
  const { client, sessionId, param, leave } = conversation;
  const printer = new TurnPrinter();
  const over = new AbortController();
  let cancelled: Promise<void> | undefined;
  leave.onInterrupt(() => {
    over.abort();
    cancelled = cancelOrLeave(conversation, lines);
  });
  try {
    await printer.wait();
    const events = client.stream(
      sessionId,
      { content, ...(param && { user_params: param }) },
      { signal: leave.signal },
    );
    for await (const event of events) {
      if (event.type === "turn-end") {
        await cancelled;
        return await showEnd(event, printer, leave);
      }
      if (event.type === "interrupt") {
        printer.pause();
        await answer(conversation, event, (prompt) => lines.ask(prompt, over.signal));
        await printer.wait();
      } else {
        await printer.show(event);
      }
    }
    throw new Error("The turn's end was not said");
  } catch (error) {
    printer.pause();
    await cancelled;
    // Without its session the conversation is over; any other failure may pass.
    if (!(error instanceof MotusClientError) || error.code === "session_not_found") throw error;
    console.error(`Error: ${error.message}`);
    return false;
  } finally {
    leave.onInterrupt(undefined);
  }
}

type TurnEnd = Extract<SessionEvent, { type: "turn-end" }>;

async function showEnd({ response, error }: TurnEnd, printer: TurnPrinter, leave: Leave): Promise<boolean> {
  await printer.end(response?.content ?? undefined);
  if (response !== null || leave.signal.aborted) return response !== null;
  console.error(`Error: ${error ?? "The turn has no answer"}`);
  return false;
}

/** Cancels the turn; then its end comes as an event. Where there is no prompt to come back to, it also leaves. */
async function cancelOrLeave({ client, sessionId, leave }: Conversation, lines: LazyLines): Promise<void> {
  try {
    await client.cancel(sessionId);
    if (!lines.isTerminal) leave.now("SIGINT");
  } catch {
    // A turn that does not run yet, or no longer, cannot be cancelled, only left.
    leave.now("SIGINT");
  }
}

type InterruptEvent = Extract<SessionEvent, { type: "interrupt" }>;

/** Asks what the turn asks and gives it the answer; a turn that nobody answers is cancelled. */
async function answer(
  { client, sessionId }: Conversation,
  { interrupt_id, payload }: InterruptEvent,
  ask: (prompt: string) => Promise<string | undefined>,
): Promise<void> {
  const given = await askPerson(payload, ask);
  try {
    if (given === undefined) await client.cancel(sessionId);
    else await client.resume(sessionId, interrupt_id, given.value);
  } catch (error) {
    // The turn may have ended meanwhile, or somebody else has answered: its events say how it went on.
    if (!(error instanceof MotusClientError) || error.code === "connection_failed") throw error;
  }
}

/** Opens stdin only when a line is wanted: a single message leaves it alone unless its turn asks something. */
class LazyLines implements Disposable {
  readonly #leave: Leave;
  #lines: Lines | undefined;
  #isConversation = false;

  constructor(leave: Leave) {
    this.#leave = leave;
  }

  /** Whether a person types messages one after the other. */
  get isTerminal(): boolean {
    return this.#isConversation && this.#lines?.isTerminal === true;
  }

  async *messages(): AsyncGenerator<string, void> {
    this.#isConversation = true;
    while (!this.#leave.signal.aborted) {
      const line = await this.ask("> ");
      if (line === undefined || this.#leave.signal.aborted) return;
      if (line.trim() !== "") yield line;
    }
  }

  ask(prompt: string, withdrawn?: AbortSignal): Promise<string | undefined> {
    this.#lines ??= new Lines(this.#leave);
    return this.#lines.ask(prompt, withdrawn);
  }

  [Symbol.dispose](): void {
    this.#lines?.[Symbol.dispose]();
  }
}

async function remove(client: MotusClient, sessionId: string): Promise<void> {
  try {
    await client.deleteSession(sessionId, { signal: AbortSignal.timeout(deletionMs) });
  } catch (error) {
    if (error instanceof MotusClientError && error.code === "session_not_found") return;
    console.error(`Error: Cannot delete the session ${sessionId}: ${(error as Error).message}`);
  }
}
