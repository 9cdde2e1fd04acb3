/** A conversation on the command line, from the turn that is under way, or the first, to its end. */
import { type Interrupt, type MotusClient, MotusClientError, type SessionEvent } from "../client/client.ts";
import { askPerson } from "./ask-person.ts";
import { type Leave, leaveOnSignal } from "./leave-on-signal.ts";
import { isTerminal, Lines } from "./lines.ts";
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
    const { session_id, status } = await client.getSession(flags.session);
    const isUnderWay = status === "running" || status === "interrupted";
    return await converse({ client, sessionId: session_id, isUnderWay, param: flags.param, leave }, message);
  }
  // Not to be interrupted: a session that was created unseen would stay.
  const { session_id } = await client.createSession();
  try {
    return await converse(
      { client, sessionId: session_id, isUnderWay: false, param: flags.param, leave },
      message,
    );
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
  /** Whether there was a turn under way already; it comes first. */
  isUnderWay: boolean;
  param: Record<string, unknown> | undefined;
  leave: Leave;
}

async function converse(conversation: Conversation, message: string | undefined): Promise<number> {
  const { client, sessionId, isUnderWay, param, leave } = conversation;
  const { signal } = leave;
  using lines = new LazyLines(leave, message === undefined);
  let exitCode = 0;
  const show = async (events: AsyncIterable<SessionEvent>) => {
    if (!(await showTurn(conversation, events, lines))) exitCode = 1;
  };
  try {
    if (isUnderWay) {
      console.error("A turn is under way in this session; it comes first.");
      await show(client.follow(sessionId, { signal }));
    }
    for await (const content of message === undefined ? lines.messages() : [message]) {
      await show(client.stream(sessionId, { content, ...(param && { user_params: param }) }, { signal }));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  return leave.exitCode ?? exitCode;
}

/** One turn's questions and its answer; whether it succeeded. */
async function showTurn(
  conversation: Conversation,
  events: AsyncIterable<SessionEvent>,
  lines: LazyLines,
): Promise<boolean> {
  const { leave } = conversation;
  const printer = new TurnPrinter();
  const over = new AbortController();
  let cancelled: Promise<void> | undefined;
  leave.onInterrupt(() => {
    over.abort();
    cancelled = cancelOrLeave(conversation, lines);
  });
  try {
    await printer.wait();
    for await (const event of events) {
      if (event.type === "turn-end") {
        await cancelled;
        return await showEnd(event, printer, leave);
      }
      await printer.show(event);
      for (const question of questionsOf(event)) {
        printer.pause();
        await answer(conversation, question, (prompt) => lines.ask(prompt, over.signal));
        await printer.wait();
      }
    }
    // The turn that was under way had ended before it could be followed.
    printer.pause();
    if (cancelled === undefined) return true;
    await cancelled;
    console.error("Error: Turn cancelled");
    return false;
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

type Question = Pick<Interrupt, "interrupt_id" | "payload">;

/** What an event asks; one that stands for others says what they asked. */
function questionsOf(event: SessionEvent): readonly Question[] {
  if (event.type === "interrupt") return [event];
  return event.type === "reset" ? (event.session.interrupts ?? []) : [];
}

/** Asks what the turn asks and gives it the answer; a turn that nobody answers is cancelled. */
async function answer(
  conversation: Conversation,
  { interrupt_id, payload }: Question,
  ask: (prompt: string) => Promise<string | undefined>,
): Promise<void> {
  const { client, sessionId } = conversation;
  if (!(await isWaiting(conversation, interrupt_id))) return;
  const given = await askPerson(payload, ask);
  try {
    if (given === undefined) await client.cancel(sessionId);
    else await client.resume(sessionId, interrupt_id, given.value);
  } catch (error) {
    // The turn may have ended meanwhile, or somebody else has answered: its events say how it went on.
    if (!(error instanceof MotusClientError) || error.code === "connection_failed") throw error;
  }
}

/** Whether a question still waits: events are read later than they are said, and somebody else may have answered. */
async function isWaiting(
  { client, sessionId, leave: { signal } }: Conversation,
  interruptId: string,
): Promise<boolean> {
  try {
    const { interrupts } = await client.getSession(sessionId, { signal });
    return interrupts?.some(({ interrupt_id }) => interrupt_id === interruptId) === true;
  } catch (error) {
    // A server that is out of reach now may be in reach when there is an answer.
    if (error instanceof MotusClientError && error.code === "connection_failed") return true;
    throw error;
  }
}

/** Opens stdin only when a line is wanted: a single message leaves it alone unless its turn asks something. */
class LazyLines implements Disposable {
  readonly #leave: Leave;
  #lines: Lines | undefined;
  readonly #isConversation: boolean;

  constructor(leave: Leave, isConversation: boolean) {
    this.#leave = leave;
    this.#isConversation = isConversation;
  }

  /** Whether a person types messages one after the other. */
  get isTerminal(): boolean {
    return this.#isConversation && isTerminal();
  }

  async *messages(): AsyncGenerator<string, void> {
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
