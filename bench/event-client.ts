/** Reads one streamed turn and checks that every event came, in order. */
import { createParser } from "eventsource-parser";

export interface StreamedTurn {
  /** From the moment an event was said to the moment its bytes were there, in milliseconds. */
  delaysMs: number[];
  /** From the message to the turn's end, in milliseconds. */
  durationMs: number;
}

const now = () => performance.timeOrigin + performance.now();

export async function streamTurn(url: string, events: number, perSecond: number): Promise<StreamedTurn> {
  const made = await fetch(`${url}/sessions`, { method: "POST" });
  const { session_id } = (await made.json()) as { session_id: string };
  const startedAt = now();
  const response = await fetch(`${url}/sessions/${session_id}/messages`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "text/event-stream" },
    body: JSON.stringify({ content: `${events} ${perSecond}` }),
  });
  const delaysMs: number[] = [];
  let arrivedAt = 0;
  let hasEnded = false;
  const parser = createParser({
    onEvent({ event, data }) {
      if (event === "turn-end") hasEnded = true;
      if (event !== "custom") return;
      const { name, data: saidAt } = JSON.parse(data);
      if (name !== String(delaysMs.length))
        throw new Error(`Event ${name} came in place of ${delaysMs.length}`);
      delaysMs.push(arrivedAt - saidAt);
    },
  });
  const decoder = new TextDecoder();
  for await (const piece of response.body as ReadableStream<Uint8Array>) {
    arrivedAt = now();
    parser.feed(decoder.decode(piece, { stream: true }));
  }
  if (!hasEnded || delaysMs.length !== events) throw new Error(`${delaysMs.length} of ${events} events came`);
  return { delaysMs, durationMs: now() - startedAt };
}
