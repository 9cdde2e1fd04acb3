/**
 * A session's events as Server-Sent Events: replay, then live.
 *
 * A reader has no buffer here. It holds its place in the event log and takes what follows when it is ready for more,
 * so a slow one costs nothing; when its place is no longer held, its stream ends, and it may come back with the last
 * id that it has read.
 */

import type { Sessions } from "../server/owned-sessions.ts";
import { sessionView } from "../server/session-view.ts";
import type { LoggedEvent } from "../session/event-log.ts";
import { isUnderWay, type Session } from "../session/session.ts";

/** How long a stream may be silent before it says so: proxies close silent connections. */
const keepAliveMs = 15_000;
/** How many events are written at once. */
const batchEvents = 500;
/** How long they may be together, unless the first is longer: a reader that does not read holds one such piece. */
const batchCharacters = 64 * 1024;
/** What a browser waits before it connects again, in milliseconds. */
const reconnectMs = 1_000;

/** What is said before the first event. */
export const streamHeaders = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store",
  "x-accel-buffering": "no",
};

export interface EventStreamOptions {
  sessionId: string;
  /** The number of the last event that the reader has. */
  after: number;
  /** Fires when the reader has gone. */
  signal: AbortSignal;
  /** Only this turn's events, and no more after its end. */
  turnId?: string;
  /** Whether that turn may be over, and its end no longer held. */
  mayHaveEnded?: boolean;
}

export function eventStream(sessions: Sessions, options: EventStreamOptions): Response {
  const { sessionId, turnId } = options;
  const reader = new AbortController();
  const leave = () => reader.abort();
  options.signal.addEventListener("abort", leave, { signal: reader.signal });
  sessions.closing.addEventListener("abort", leave, { signal: reader.signal });
  if (options.signal.aborted || sessions.closing.aborted) leave();

  const encoder = new TextEncoder();
  let place = options.after;
  let isFirst = true;

  const stream = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        // The headers leave with the first bytes.
        controller.enqueue(encoder.encode(`retry: ${reconnectMs}\n: open\n\n`));
      },
      async pull(controller) {
        const next = await nextFrames();
        if (next === null) {
          reader.abort();
          controller.close();
        } else {
          controller.enqueue(encoder.encode(next));
        }
      },
      cancel: leave,
    },
    { highWaterMark: 0 },
  );

  /** What is to be written next; null when the stream is over. Waits until there is something. */
  async function nextFrames(): Promise<string | null> {
    const deadline = Date.now() + keepAliveMs;
    while (!reader.signal.aborted) {
      const changed = watchOnce(sessions, sessionId, reader.signal);
      try {
        const read = await sessions.events(sessionId, place, batchEvents).catch(() => null);
        if (read === null) return null; // The session is gone.
        if (read.gap) {
          if (!isFirst) return null;
          isFirst = false;
          place = read.lastSeq;
          return resetFrame(place);
        }
        isFirst = false;
        const events = piece(read.events);
        const last = events.at(-1);
        if (last !== undefined) {
          place = last.seq;
          const frames = events.filter(isWanted).map(frame).join("");
          if (events.some(isEnd)) {
            leave();
            return frames;
          }
          if (frames !== "") return frames;
          continue;
        }
        if (options.mayHaveEnded && turnId !== undefined) {
          const session = await sessions.getSession(sessionId).catch(() => null);
          if (session === null || !runs(session, turnId)) return await resetFrame(place);
        }
        if (!(await changed.within(deadline - Date.now()))) return ": keep-alive\n\n";
      } finally {
        changed.stop();
      }
    }
    return null;
  }

  async function resetFrame(seq: number): Promise<string | null> {
    const session = await sessions.getSession(sessionId).catch(() => null);
    if (session === null) return null;
    // The turn's end may be among what is no longer held; nothing of it is to come then.
    if (turnId !== undefined && !runs(session, turnId)) leave();
    const reset = { type: "reset", session_id: sessionId, seq, session: sessionView(session) };
    return `id: ${seq}\nevent: reset\ndata: ${JSON.stringify(reset)}\n\n`;
  }

  const isWanted = (event: LoggedEvent) => turnId === undefined || event.turnId === turnId;
  const isEnd = (event: LoggedEvent) => event.turnId === turnId && event.type === "turn-end";

  return new Response(stream, {
    headers: {
      ...(turnId !== undefined && { "content-location": `/sessions/${sessionId}/turns/${turnId}` }),
      ...streamHeaders,
    },
  });
}

function runs(session: Session, turnId: string): boolean {
  return isUnderWay(session) && session.turnId === turnId;
}

/** The first of the events, as many as are written at once. */
function piece(events: readonly LoggedEvent[]): readonly LoggedEvent[] {
  let characters = 0;
  const tooLong = events.findIndex(({ json }, index) => {
    characters += json.length;
    return index > 0 && characters > batchCharacters;
  });
  return tooLong === -1 ? events : events.slice(0, tooLong);
}

function frame({ seq, type, json }: LoggedEvent): string {
  return `id: ${seq}\nevent: ${type}\ndata: ${json}\n\n`;
}

/** Waits for one change of a session; it listens from the call on, so that nothing is missed while reading. */
function watchOnce(sessions: Sessions, sessionId: string, signal: AbortSignal) {
  const changed = Promise.withResolvers<boolean>();
  const wake = () => changed.resolve(true);
  const unwatch = sessions.watch(sessionId, wake);
  signal.addEventListener("abort", wake);
  let timer: Timer | undefined;
  return {
    /** Whether there was a change before the time was over. */
    within(ms: number): Promise<boolean> {
      timer = setTimeout(() => changed.resolve(false), Math.max(0, ms));
      return changed.promise;
    },
    stop() {
      clearTimeout(timer);
      unwatch();
      signal.removeEventListener("abort", wake);
    },
  };
}
