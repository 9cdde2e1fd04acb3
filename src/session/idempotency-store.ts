/** What a request with an `Idempotency-Key` is to do next. */
export type Begun =
  /** To be run, with whatever it makes under `id`. `isRepeated`: it was begun before, and may have made that already. */
  | { readonly type: "run"; readonly id: string; readonly isRepeated: boolean }
  /** It was run; the answer that was kept, as JSON. */
  | { readonly type: "answered"; readonly answer: string }
  /** It is being run. */
  | { readonly type: "in_progress" }
  /** The key belongs to another request. */
  | { readonly type: "reused" };

/** An id for what a request makes, the same however often the request comes. */
export type Attempt = Pick<Extract<Begun, { type: "run" }>, "id" | "isRepeated">;

/**
 * Remembers requests by their keys, so that one that comes again is not run again. Each verb is one atomic step,
 * whoever else calls at the same time.
 *
 * A key lives for a day after it was begun. The store holds so many keys at most and forgets the oldest that were
 * answered first.
 */
export interface IdempotencyStore {
  /** Takes a key for a request; `fingerprint` tells requests apart. */
  begin(request: { key: string; fingerprint: string; at: number }): Promise<Begun>;
  /** Keeps the answer of a request that was run, as JSON. */
  complete(key: string, answer: string): Promise<void>;
  /**
   * Says that a request failed. One that did nothing is forgotten; one that may have done something runs again under
   * its id when it comes again.
   */
  fail(key: string, mayHaveRun: boolean): Promise<void>;
  /** Says that nobody runs any more what was in progress: the process that did has gone. Called once, at start. */
  recover(): Promise<void>;
}
