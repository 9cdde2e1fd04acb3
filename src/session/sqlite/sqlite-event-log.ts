/**
 * The last events of each session in a file of SQLite, bounded by number and by size.
 *
 * Nobody was promised that an event is on the disk, and a disk that is waited for a hundred times a second would slow down
 * what is streamed: events are with the kernel when they are read, which outlives the server but not the machine. So that a
 * machine that fails cannot have the number of an event that somebody has read given to another one, numbers are reserved
 * on the disk before they are used.
 */
import type { TurnEvent } from "../../protocol/event.ts";
import type { EventLog, EventsRead, NewEvent } from "../event-log.ts";
import type { StoreFile } from "./store-file.ts";

interface Log {
  log: number;
  last_seq: number;
  reserved_seq: number;
  events: number;
  characters: number;
}

interface EventRow {
  seq: number;
  turn_id: string;
  type: TurnEvent["type"];
  json: string;
}

/** How many numbers are reserved ahead, and how many of them are left when the next are. */
const reservedAhead = 1_000;
const reservedLeft = 500;

export class SqliteEventLog implements EventLog {
  readonly #file: StoreFile;
  readonly #maxEvents: number;
  readonly #maxCharacters: number;
  readonly #find;
  readonly #make;
  readonly #save;
  readonly #remove;
  readonly #add;
  readonly #read;
  readonly #holds;
  readonly #oldest;
  readonly #cut;

  constructor(
    file: StoreFile,
    {
      maxEvents = 20_000,
      maxCharacters = 4 * 1024 * 1024,
    }: { maxEvents?: number; maxCharacters?: number } = {},
  ) {
    this.#file = file;
    this.#maxEvents = maxEvents;
    this.#maxCharacters = maxCharacters;
    const columns = "log, last_seq, reserved_seq, events, characters";
    this.#find = file.prepare<Log, [string]>(`SELECT ${columns} FROM event_logs WHERE session_id = ?`);
    this.#make = file.prepare<Log, [string]>(
      "INSERT INTO event_logs (session_id, last_seq, reserved_seq, events, characters) VALUES (?, 0, 0, 0, 0) " +
        `RETURNING ${columns}`,
    );
    this.#save = file.prepare<unknown, [number, number, number, number, number]>(
      "UPDATE event_logs SET last_seq = ?, reserved_seq = ?, events = ?, characters = ? WHERE log = ?",
    );
    this.#remove = file.prepare<unknown, [string]>("DELETE FROM event_logs WHERE session_id = ?");
    this.#add = file.prepare<unknown, [number, number, string, string, string, number]>(
      "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)",
    );
    this.#read = file.prepare<EventRow, [number, number, number]>(
      "SELECT seq, turn_id, type, json FROM events WHERE log = ? AND seq > ? ORDER BY seq LIMIT ?",
    );
    this.#holds = file.prepare<{ held: number }, [number, number, number]>(
      "SELECT EXISTS (SELECT 1 FROM events WHERE log = ? AND seq IN (?, ?)) AS held",
    );
    this.#oldest = file.prepare<{ seq: number; characters: number }, [number]>(
      "SELECT seq, characters FROM events WHERE log = ? ORDER BY seq",
    );
    this.#cut = file.prepare<unknown, [number, number]>("DELETE FROM events WHERE log = ? AND seq <= ?");
  }

  async append(sessionId: string, events: readonly NewEvent[]): Promise<void> {
    if (events.length === 0) return;
    const before = this.#file.read(() => this.#find.get(sessionId));
    const isPromised = before === null || runsOut(before, events.length);
    await this.#file.write(() => this.#append(sessionId, events), { isPromised });
  }

  async read(sessionId: string, after: number, limit: number): Promise<EventsRead> {
    return this.#file.read(() => {
      const log = this.#find.get(sessionId);
      if (log === null) return { events: [], lastSeq: 0, gap: after > 0 };
      const { last_seq: lastSeq } = log;
      // Numbers may have been left out after this one; all that were given since are held then.
      const isHeld = after === lastSeq || this.#holds.get(log.log, after, after + 1)?.held === 1;
      if (!isHeld) return { events: [], lastSeq, gap: true };
      const rows = this.#read.all(log.log, after, limit);
      const events = rows.map(({ seq, turn_id: turnId, type, json }) => ({ seq, turnId, type, json }));
      return { events, lastSeq, gap: false };
    });
  }

  remove(sessionId: string): Promise<void> {
    return this.#file.write(() => void this.#remove.run(sessionId));
  }

  /** Reserves numbers for a turn that begins, as a part of that step. */
  reserve(sessionId: string): void {
    const log = this.#find.get(sessionId) ?? this.#made(sessionId);
    this.#write({ ...log, reserved_seq: Math.max(log.reserved_seq, log.last_seq + reservedAhead) });
  }

  #append(sessionId: string, events: readonly NewEvent[]): void {
    const log = { ...(this.#find.get(sessionId) ?? this.#made(sessionId)) };
    if (runsOut(log, events.length)) log.reserved_seq = log.last_seq + events.length + reservedAhead;
    for (const { turnId, type, fields } of events) {
      log.last_seq += 1;
      const json = `{"seq":${log.last_seq},${fields}`;
      this.#add.run(log.log, log.last_seq, turnId, type, json, json.length);
      log.events += 1;
      log.characters += json.length;
      // Nothing follows, so nothing can be lost of what follows.
      if (type === "turn-end") log.reserved_seq = log.last_seq;
    }
    this.#trim(log);
    this.#write(log);
  }

  #trim(log: Log): void {
    const isTooLarge = () => log.events > this.#maxEvents || log.characters > this.#maxCharacters;
    if (!isTooLarge()) return;
    let dropped = 0;
    for (const { seq, characters } of this.#oldest.iterate(log.log)) {
      if (!isTooLarge()) break;
      dropped = seq;
      log.events -= 1;
      log.characters -= characters;
    }
    this.#cut.run(log.log, dropped);
  }

  #made(sessionId: string): Log {
    const log = this.#make.get(sessionId);
    if (log === null) throw new Error("The log was not made");
    return log;
  }

  #write({ last_seq, reserved_seq, events, characters, log }: Log): void {
    this.#save.run(last_seq, reserved_seq, events, characters, log);
  }
}

function runsOut({ last_seq, reserved_seq }: Log, count: number): boolean {
  return last_seq + count > reserved_seq - reservedLeft;
}
