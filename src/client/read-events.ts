/** Reading a session's events through lost connections: each once, in order. */
import { createParser } from "eventsource-parser";
import type { SessionEvent } from "../protocol/event.ts";
import type { SessionView } from "../protocol/session.ts";
import { isInterruption, MotusClientError } from "./client-error.ts";
import type { Call, Connection } from "./connection.ts";
import { pause } from "./pause.ts";

/** Failures in a row before reading is given up. */
const maxFailures = 6;
/** Between connections, until the server says how long it wants to be left alone. */
const firstPauseMs = 100;
/** A connection that held for so long did not fail, though nothing was said. */
const heldMs = 5_000;
/** A server says something every 15 seconds; one that is silent for so long is gone. */
const silenceMs = 45_000;

export interface EventsOptions {
  /**
   * The number (`seq`) of the last event that you have.
   * @default 0: from the first that the server holds
   */
  after?: number;
  /** Ends the reading, not the turn. */
  signal?: AbortSignal;
}

/** Where a reader is, across its connections. */
interface Reader {
  place: number;
  pauseMs: number;
  signal: AbortSignal | undefined;
}

type TurnEnd = Extract<SessionEvent, { type: "turn-end" }>;
type Reset = Extract<SessionEvent, { type: "reset" }>;

/** All events of a session after a place, then live ones; returns when the session is deleted. */
export function readEvents(
  connection: Connection,
  path: string,
  { after = 0, signal }: EventsOptions,
): AsyncGenerator<SessionEvent, void> {
  return readOn(connection, path, { place: after, pauseMs: firstPauseMs, signal });
}

async function* readOn(
  connection: Connection,
  path: string,
  reader: Reader,
): AsyncGenerator<SessionEvent, void> {
  const { signal } = reader;
  let failures = 0;
  let wasThere = false;
  for (;;) {
    const { place } = reader;
    const startedAt = performance.now();
    let failure: unknown = brokenAgain(connection.url);
    try {
      const headers: Record<string, string> = place > 0 ? { "last-event-id": String(place) } : {};
      const response = await connection.open({ method: "GET", path: `${path}/events`, headers, signal });
      wasThere = true;
      yield* parseEvents(response, reader);
    } catch (error) {
      if (wasThere && error instanceof MotusClientError && error.code === "session_not_found") return;
      if (!isInterruption(error)) throw error;
      failure = error;
    }
    // A proxy that ends quiet connections is no failure, however often it does.
    const isFailure = reader.place === place && performance.now() - startedAt < heldMs;
    failures = isFailure ? failures + 1 : 0;
    if (failures > maxFailures) throw failure;
    await pause(reader.pauseMs * 2 ** Math.max(0, failures - 1), signal);
  }
}

/** Sends a message, once, and reads its turn's events up to its end. */
export async function* streamTurn(
  connection: Connection,
  path: string,
  { body, headers, signal }: Pick<Call, "body" | "signal"> & { headers: Record<string, string> },
): AsyncGenerator<SessionEvent, void> {
  const reader: Reader = { place: 0, pauseMs: firstPauseMs, signal };
  const response = await connection.open({ method: "POST", path: `${path}/messages`, body, headers, signal });
  // Pages of another origin may not see the header; then the first event tells.
  const turnId = response.headers.get("content-location")?.split("/").at(-1);
  yield* upToEnd(throughBreaks(), { connection, path, turnId, signal });

  async function* throughBreaks(): AsyncGenerator<SessionEvent, void> {
    yield* parseEvents(response, reader);
    if (turnId === undefined && reader.place === 0) throw lostTurn(connection.url);
    // The connection broke, and the turn goes on without it.
    await pause(reader.pauseMs, signal);
    yield* readOn(connection, path, reader);
  }
}

/** Reads the events of the turn that is under way, from its first up to its end; none when there is no such turn. */
export async function* followTurn(
  connection: Connection,
  path: string,
  { signal }: Pick<Call, "signal">,
): AsyncGenerator<SessionEvent, void> {
  const { body: session } = await connection.call<SessionView>({ method: "GET", path, signal });
  if (!isUnderWay(session)) return;
  const events = readOn(connection, path, { place: 0, pauseMs: firstPauseMs, signal });
  // Which turn it is, the first event after the end of the one before tells.
  yield* upToEnd(afterEndOf(session.turn?.turn_id, events), { connection, path, turnId: undefined, signal });
}

interface FollowedTurn {
  connection: Connection;
  path: string;
  /** Undefined for the turn of the first event. */
  turnId: string | undefined;
  signal: AbortSignal | undefined;
}

/** Of a session's events those of one turn, up to its end. */
async function* upToEnd(
  events: AsyncIterable<SessionEvent>,
  { connection, path, turnId, signal }: FollowedTurn,
): AsyncGenerator<SessionEvent, void> {
  for await (const event of events) {
    if (event.type === "reset") {
      yield event;
      const end = await endBefore(event);
      if (end === undefined) continue;
      yield end;
      return;
    }
    turnId ??= event.turn_id;
    if (event.turn_id !== turnId) continue;
    yield event;
    if (event.type === "turn-end") return;
  }
  throw new MotusClientError(
    "session_not_found",
    "Session not found: it was deleted before the turn's end was read",
    { status: 404 },
  );

  /** The turn's end, when it is among the events that a reset stands for. */
  async function endBefore({ seq, session }: Reset): Promise<TurnEnd | undefined> {
    const { session_id, turn: receipt, response, error } = session;
    if (receipt !== null && (turnId === undefined ? !isUnderWay(session) : receipt.turn_id === turnId)) {
      const { turn_id, outcome } = receipt;
      return { type: "turn-end", session_id, turn_id, seq, outcome, response, error, receipt };
    }
    if (turnId !== undefined && (await hasEnded(connection, `${path}/turns/${turnId}`, signal))) {
      throw new MotusClientError(
        "events_lost",
        "Cannot say what the turn answered: its last events are no longer held and others have followed; read its receipt",
      );
    }
    return undefined;
  }
}

/** The events that follow a turn's end; its end may be among those that a reset stands for. */
async function* afterEndOf(
  turnId: string | undefined,
  events: AsyncIterable<SessionEvent>,
): AsyncGenerator<SessionEvent, void> {
  let isPast = turnId !== undefined;
  for await (const event of events) {
    if (event.type === "reset") isPast = false;
    if (!isPast) yield event;
    else if (event.type === "turn-end" && event.turn_id === turnId) isPast = false;
  }
}

function isUnderWay({ status }: SessionView): boolean {
  return status === "running" || status === "interrupted";
}

/** The events of one answer, up to its end or its break; leaving the loop closes the connection. */
async function* parseEvents(response: Response, reader: Reader): AsyncGenerator<SessionEvent, void> {
  const waiting: SessionEvent[] = [];
  const parser = createParser({
    onEvent: ({ data }) => waiting.push(parse(data)),
    onRetry: (ms) => {
      reader.pauseMs = ms;
    },
  });
  const decoder = new TextDecoder();
  const body = response.body?.getReader();
  try {
    for (let piece = await read(body, reader.signal); piece; piece = await read(body, reader.signal)) {
      parser.feed(decoder.decode(piece, { stream: true }));
      for (const event of waiting.splice(0)) {
        reader.place = event.seq;
        yield event;
      }
    }
  } finally {
    // It may be broken already, and then there is nothing to close.
    body?.cancel().catch(() => {});
  }
}

/** Undefined when the connection has ended, is broken, or is silent for too long. */
async function read(
  body: ReadableStreamDefaultReader<Uint8Array> | undefined,
  signal: AbortSignal | undefined,
): Promise<Uint8Array | undefined> {
  const stop = () => void body?.cancel().catch(() => {});
  const timer = setTimeout(stop, silenceMs);
  signal?.addEventListener("abort", stop);
  try {
    signal?.throwIfAborted();
    const piece = await body?.read();
    signal?.throwIfAborted();
    return piece?.value;
  } catch {
    signal?.throwIfAborted();
    return undefined;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
  }
}

function parse(data: string): SessionEvent {
  try {
    return JSON.parse(data);
  } catch (cause) {
    throw new MotusClientError(
      "unexpected_answer",
      "Cannot understand an event: it is not JSON; check the URL, and any proxy on the way",
      { cause },
    );
  }
}

async function hasEnded(
  connection: Connection,
  path: string,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    await connection.call({ method: "GET", path, signal });
    return true;
  } catch (error) {
    if (error instanceof MotusClientError && error.code === "turn_not_found") return false;
    throw error;
  }
}

function brokenAgain(url: string): MotusClientError {
  return new MotusClientError(
    "connection_failed",
    `Cannot read events from ${url}: connections end again and again without one; check any proxy on the way`,
  );
}

function lostTurn(url: string): MotusClientError {
  return new MotusClientError(
    "connection_failed",
    `Cannot follow the turn: the connection to ${url} broke before its first event; the message was accepted, look at the session`,
  );
}
