/** Reads Server-Sent Events with a parser that we did not write. */
import { createParser, type EventSourceMessage } from "eventsource-parser";

export interface ReadEvent {
  id: string | undefined;
  event: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every type
  data: any;
}

export interface EventReader extends AsyncDisposable {
  status: number;
  headers: Headers;
  /** The next event; undefined when the stream has ended. */
  next(): Promise<ReadEvent | undefined>;
  /** Events up to and including the first of a type. */
  until(type: string): Promise<ReadEvent[]>;
  /** Everything up to the end of the stream. */
  rest(): Promise<ReadEvent[]>;
  /** Comment lines that were seen so far. */
  comments: string[];
}

export async function readEvents(url: string, init: RequestInit = {}): Promise<EventReader> {
  const leaving = new AbortController();
  const response = await fetch(url, { ...init, signal: leaving.signal });
  const bytes = response.body?.getReader();
  const decoder = new TextDecoder();
  const waiting: ReadEvent[] = [];
  const comments: string[] = [];
  const parser = createParser({
    onEvent: ({ id, event, data }: EventSourceMessage) => waiting.push({ id, event, data: JSON.parse(data) }),
    onComment: (comment: string) => comments.push(comment),
  });

  async function next(): Promise<ReadEvent | undefined> {
    while (waiting.length === 0) {
      const piece = await bytes?.read();
      if (piece === undefined || piece.done) return undefined;
      parser.feed(decoder.decode(piece.value, { stream: true }));
    }
    return waiting.shift();
  }

  async function collect(isLast: (event: ReadEvent) => boolean): Promise<ReadEvent[]> {
    const events: ReadEvent[] = [];
    for (let event = await next(); event !== undefined; event = await next()) {
      events.push(event);
      if (isLast(event)) break;
    }
    return events;
  }

  return {
    status: response.status,
    headers: response.headers,
    next,
    until: (type) => collect(({ event }) => event === type),
    rest: () => collect(() => false),
    comments,
    [Symbol.asyncDispose]: async () => leaving.abort(),
  };
}
