import type { EventLog, EventsRead, LoggedEvent, NewEvent } from "../event-log.ts";

interface Ring {
  /** Grows at its end; what lies before `first` is no longer held and cut off now and then. */
  events: LoggedEvent[];
  first: number;
  lastSeq: number;
  /** Characters held. */
  size: number;
}

const dropped: LoggedEvent = { seq: 0, turnId: "", type: "turn-start", json: "" };
/** How many places of dropped events a ring may have before they are cut off, all in one move. */
const slack = 1_000;

/** The last events of each session, bounded by number and by size. */
export class MemoryEventLog implements EventLog {
  readonly #rings = new Map<string, Ring>();
  readonly #maxEvents: number;
  readonly #maxCharacters: number;

  constructor({
    maxEvents = 20_000,
    maxCharacters = 4 * 1024 * 1024,
  }: { maxEvents?: number; maxCharacters?: number } = {}) {
    this.#maxEvents = maxEvents;
    this.#maxCharacters = maxCharacters;
  }

  async append(sessionId: string, events: readonly NewEvent[]): Promise<void> {
    const ring = this.#rings.get(sessionId) ?? { events: [], first: 0, lastSeq: 0, size: 0 };
    this.#rings.set(sessionId, ring);
    for (const { turnId, type, fields } of events) {
      ring.lastSeq += 1;
      const json = `{"seq":${ring.lastSeq},${fields}`;
      ring.events.push({ turnId, type, seq: ring.lastSeq, json });
      ring.size += json.length;
    }
    this.#trim(ring);
  }

  async read(sessionId: string, after: number, limit: number): Promise<EventsRead> {
    const ring = this.#rings.get(sessionId);
    if (ring === undefined) return { events: [], lastSeq: 0, gap: after > 0 };
    const { events, lastSeq } = ring;
    const index = events.length - (lastSeq - after);
    if (index < ring.first || after > lastSeq) return { events: [], lastSeq, gap: true };
    return { events: events.slice(index, index + limit), lastSeq, gap: false };
  }

  async remove(sessionId: string): Promise<void> {
    this.#rings.delete(sessionId);
  }

  #trim(ring: Ring): void {
    const { events } = ring;
    while (events.length - ring.first > this.#maxEvents || ring.size > this.#maxCharacters) {
      const oldest = events[ring.first];
      if (oldest === undefined) break;
      ring.size -= oldest.json.length;
      events[ring.first] = dropped;
      ring.first += 1;
    }
    if (ring.first < slack) return;
    events.splice(0, ring.first);
    ring.first = 0;
  }
}
