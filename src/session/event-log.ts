import type { TurnEvent } from "../protocol/event.ts";

/** An event to be kept. */
export interface NewEvent {
  readonly turnId: string;
  readonly type: TurnEvent["type"];
  /** The event as JSON but for the bracket that opens it, so that its number can be put first without a copy. */
  readonly fields: string;
}

/** An event as it is kept. */
export interface LoggedEvent extends Omit<NewEvent, "fields"> {
  readonly seq: number;
  /** The event as JSON, its number included. */
  readonly json: string;
}

/** What comes of reading a log. */
export interface EventsRead {
  readonly events: readonly LoggedEvent[];
  /** The number of the last event there is; 0 when there is none. */
  readonly lastSeq: number;
  /** Some of the events asked for are no longer held, so none are given. */
  readonly gap: boolean;
}

/**
 * The events of each session, numbered from 1 across its turns. Old events are dropped beyond a bound; a
 * reader whose place is no longer held is told so.
 *
 * @throws {MotusError} `store_unavailable`, any verb, as the session store does.
 */
export interface EventLog {
  /** Adds events; they get the next numbers in their order, greater than all that were ever read. */
  append(sessionId: string, events: readonly NewEvent[]): Promise<void>;
  /** At most `limit` events after a number. */
  read(sessionId: string, after: number, limit: number): Promise<EventsRead>;
  remove(sessionId: string): Promise<void>;
}
