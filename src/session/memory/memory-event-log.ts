import type { EventLog, LoggedEvent } from "../event-log.ts";

interface Ring {
  events: LoggedEvent[];
  lastSeq: number;
  /** Characters held. */
  size: number;
}

/** The last events of each session, bounded by number and by size. */
export class MemoryEventLog implements EventLog {
  readonly #rings = new Map<string, Ring>();
  readonly #maxEvents: number;
  readonly #maxCharacters: number;

  constructor({
    maxEvents = 10_000,
    maxCharacters = 1024 * 1024,
  }: { maxEvents?: number; maxCharacters?: number } = {}) {
    this.#maxEvents = maxEvents;
    this.#maxCharacters = maxCharacters;
  }

  async append(sessionId: string, events: readonly string[]): Promise<void> {
    const ring = this.#rings.get(sessionId) ?? { events: [], lastSeq: 0, size: 0 };
    this.#rings.set(sessionId, ring);
    for (const event of events) {
      ring.lastSeq += 1;
      const json = `{"seq":${ring.lastSeq},${event.slice(1)}`;
      ring.events.push({ seq: ring.lastSeq, json });
      ring.size += json.length;
    }
    this.#trim(ring);
  }

  async read(sessionId: string, after: number): Promise<{ events: readonly LoggedEvent[]; gap: boolean }> {
    const ring = this.#rings.get(sessionId);
    if (ring === undefined) return { events: [], gap: after > 0 };
    const firstSeq = ring.lastSeq - ring.events.length + 1;
    if (after < firstSeq - 1 || after > ring.lastSeq) return { events: [], gap: true };
    return { events: ring.events.slice(after - firstSeq + 1), gap: false };
  }

  async remove(sessionId: string): Promise<void> {
    this.#rings.delete(sessionId);
  }

  #trim(ring: Ring): void {
    let drop = 0;
    while (ring.events.length - drop > this.#maxEvents || ring.size > this.#maxCharacters) {
      const first = ring.events[drop];
      if (first === undefined) break;
      ring.size -= first.json.length;
      drop += 1;
    }
    if (drop > 0) ring.events.splice(0, drop);
  }
}
