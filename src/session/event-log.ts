/** An event as it is kept: its number, and its JSON with the number in it. */
export interface LoggedEvent {
  readonly seq: number;
  readonly json: string;
}

/**
 * The events of each session, numbered from 1 across its turns. Old events are dropped beyond a bound; a
 * reader whose place is no longer held is told so.
 */
export interface EventLog {
  /** Adds events, each the JSON text of an object; they get the next numbers in their order. */
  append(sessionId: string, events: readonly string[]): Promise<void>;
  /** The events after a number; `gap` when some of those are no longer held, and then no events. */
  read(sessionId: string, after: number): Promise<{ events: readonly LoggedEvent[]; gap: boolean }>;
  remove(sessionId: string): Promise<void>;
}
