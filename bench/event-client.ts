/** Reads one streamed turn and checks that every event came, in order. */
import { createParser } from "eventsource-parser";

export interface StreamedTurn {
  /** From the moment an event was said to the moment its bytes were there, in milliseconds. */
  delaysMs: number[];
  /** When the message was sent, the first event was said, and the last one arrived, in milliseconds since 1970. */
  sentAt: number;
  firstSaidAt: number;
  lastAt: number;
}

export interface Stream {
  events: number;
  /** 0 for as fast as the agent can. */
  perSecond: number;
  /** When the agent begins, in milliseconds since 1970; 0 for at once. */
  beginsAt?: number;
}

const now = () => performance.timeOrigin + performance.now();

export async function streamTurn(url: string, stream: Stream): Promise<StreamedTurn> {
  const { events, perSecond, beginsAt = 0 } = stream;
  const made = await fetch(`${url}/sessions`, { method: "POST" });
  const { session_id } = (await made.json()) as { session_id: string };
  const sentAt = now();
  const response = await fetch(`${url}/sessions/${session_id}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ content: `${events} ${perSecond} ${beginsAt}` }),
  });
  const delaysMs: number[] = [];
  let firstSaidAt = 0;
  let arrivedAt = 0;
  let hasEnded = false;
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === "turn-end") hasEnded = true;
      if (event !== "custom") return;
      const { name, data: saidAt } = JSON.parse(data);
      if (name !== String(delaysMs.length))
        throw new Error(`Event ${name} came in place of ${delaysMs.length}`);
      firstSaidAt ||= saidAt;
      delaysMs.push(arrivedAt - saidAt);
    },
  });
  const decoder = new TextDecoder();
  let lastAt = 0;
  for await (const piece of response.body as ReadableStream<Uint8Array>) {
    arrivedAt = now();
    parser.feed(decoder.decode(piece, { stream: true }));
    if (!hasEnded) lastAt = arrivedAt;
  }
  if (!hasEnded || delaysMs.length !== events) throw new Error(`${delaysMs.length} of ${events} events came`);
  return { delaysMs, sentAt, firstSaidAt, lastAt: lastAt || arrivedAt };
}
