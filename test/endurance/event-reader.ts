/** Readers of a session's events, with a parser that is not ours. */
import { createParser, type EventSourceMessage } from "eventsource-parser";

export interface ReadEvent {
  id: number;
  type: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into events of every shape
  data: any;
}

export interface ReadOptions {
  /** The last event that the reader has. */
  after?: number;
  signal?: AbortSignal;
}

/** Yields events as they come; ends when the stream does. Who leaves the loop closes the connection. */
export async function* readEvents(
  url: string,
  sessionId: string,
  { after, signal }: ReadOptions = {},
): AsyncGenerator<ReadEvent, void> {
  const leave = new AbortController();
  const response = await fetch(`${url}/sessions/${sessionId}/events`, {
    headers: after === undefined ? {} : { "last-event-id": String(after) },
    signal: signal === undefined ? leave.signal : AbortSignal.any([leave.signal, signal]),
  });
  if (response.status !== 200 || response.body === null)
    throw new Error(`The events were answered with ${response.status}: ${await response.text()}`);
  let arrived: EventSourceMessage[] = [];
  const parser = createParser({ onEvent: (event) => arrived.push(event) });
  const decoder = new TextDecoder();
  try {
    for await (const bytes of response.body) {
      parser.feed(decoder.decode(bytes, { stream: true }));
      const events = arrived;
      arrived = [];
      for (const { id, event = "", data } of events)
        yield { id: Number(id), type: event, data: JSON.parse(data) };
    }
  } finally {
    leave.abort();
  }
}
