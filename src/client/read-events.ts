/** Reading a session's events through lost connections: each once, in order. */
import { createParser } from "eventsource-parser";
import type { SessionEvent } from "../protocol/event.ts";
import { isInterruption, MotusClientError } from "./client-error.ts";
import type { Call, Connection } from "./connection.ts";
import { pause } from "./pause.ts";

/** Failures in a row before reading is given up; with their pauses, about six seconds. */
const maxFailures = 6;
const firstPauseMs = 100;

export interface EventsOptions {
  /**
   * The number (`seq`) of the last event that you have.
   * @default 0: from the first that the server holds
   */
  after?: number;
  /** Ends the reading, not the turn. */
  signal?: AbortSignal;
}

/** All events of a session after a place, then live ones; returns when the session is deleted. */
export async function* readEvents(
  connection: Connection,
  path: string,
  { after = 0, signal }: EventsOptions,
): AsyncGenerator<SessionEvent, void> {
  let place = after;
  let failures = 0;
  let wasThere = false;
  for (;;) {
    try {
      const headers: Record<string, string> = place > 0 ? { "last-event-id": String(place) } : {};
      const response = await connection.open({ method: "GET", path: `${path}/events`, headers, signal });
      wasThere = true;
      for await (const event of parseEvents(response)) {
        failures = 0;
        place = event.seq;
        yield event;
      }
    } catch (error) {
      if (signal?.aborted) throw error;
      const isGone = error instanceof MotusClientError && error.code === "session_not_found";
      if (isGone && wasThere) return;
      // What breaks while it is read is no error of the client's: it is read on from there.
      if (error instanceof MotusClientError && !isInterruption(error)) throw error;
      if (failures === maxFailures) throw error;
    }
    await pause(firstPauseMs * 2 ** failures, signal);
    failures += 1;
  }
}

/** Sends a message, once, and reads its turn's events up to its end. */
export async function* streamTurn(
  connection: Connection,
  path: string,
  { body, signal }: Pick<Call, "body" | "signal">,
): AsyncGenerator<SessionEvent, void> {
  const response = await connection.open({ method: "POST", path: `${path}/messages`, body, signal });
  const turnId = response.headers.get("content-location")?.split("/").at(-1);
  let place = 0;
  try {
    for await (const event of parseEvents(response)) {
      place = event.seq;
      yield event;
      if (event.type === "turn-end") return;
    }
  } catch (error) {
    if (signal?.aborted) throw error;
  }
  // The connection broke, and the turn goes on without it.
  for await (const event of readEvents(connection, path, { after: place, ...(signal && { signal }) })) {
    if (event.type === "reset") {
      yield event;
      if (event.session.turn?.turn_id === turnId) return;
    } else if (event.turn_id === turnId) {
      yield event;
      if (event.type === "turn-end") return;
    }
  }
}

/** The events of one answer; leaving the loop closes the connection. */
async function* parseEvents(response: Response): AsyncGenerator<SessionEvent, void> {
  const waiting: SessionEvent[] = [];
  const parser = createParser({ onEvent: ({ data }) => waiting.push(JSON.parse(data)) });
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  try {
    for (let piece = await reader?.read(); piece !== undefined && !piece.done; piece = await reader?.read()) {
      parser.feed(decoder.decode(piece.value, { stream: true }));
      yield* waiting.splice(0);
    }
  } finally {
    // It may be broken already, and then there is nothing to close.
    await reader?.cancel().catch(() => {});
  }
}
