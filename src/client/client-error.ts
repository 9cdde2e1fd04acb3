import type { Problem } from "../protocol/http.ts";

/** What is known about a failure besides its code and its sentence. */
export interface ClientErrorDetails {
  /** The HTTP status; null when no answer came. */
  status?: number;
  /** The fields at fault, with `validation_failed`. */
  errors?: Problem["errors"];
  cause?: unknown;
}

/**
 * A request that did not succeed. `message` is a sentence that a person can act on; programs branch on `code`.
 *
 * @example
 * ```ts
 * try {
 *   await client.send(sessionId, "Hello!");
 * } catch (error) {
 *   if (!(error instanceof MotusClientError) || error.code !== "session_busy") throw error;
 *   await client.wait(sessionId);
 * }
 * ```
 */
export class MotusClientError extends Error {
  override readonly name = "MotusClientError";
  /**
   * The stable name of the failure. The server's own, such as `session_not_found` or `queue_full`, or one of
   * the client's: `connection_failed` when no answer came, `unexpected_answer` when it is not from a motus
   * server (a proxy's error page, for example), `session_id_invalid` when an id is no id and nothing was sent,
   * `events_lost` when a turn's end can no longer be read.
   */
  readonly code: string;
  /** The HTTP status of the answer; null when there was none. */
  readonly status: number | null;
  /** With `validation_failed`: where the request does not fit, as JSON pointers, and why. */
  readonly errors: Problem["errors"];

  constructor(code: string, detail: string, { status, errors, cause }: ClientErrorDetails = {}) {
    super(detail, cause === undefined ? undefined : { cause });
    this.code = code;
    this.status = status ?? null;
    this.errors = errors;
  }

  /** What was wrong and what to do; the same as `message`. */
  get detail(): string {
    return this.message;
  }
}

/** What a server says that has no room at the moment, or that cannot check a token at the moment. */
const momentary = ["rate_limited", "connection_limit_reached", "keys_unavailable"];

/** Whether it was the way to the server that failed, or its door, and not the server that refused. */
export function isInterruption(error: unknown): boolean {
  if (!(error instanceof MotusClientError)) return false;
  if (error.code === "connection_failed" || momentary.includes(error.code)) return true;
  return error.code === "unexpected_answer" && [502, 503, 504].includes(error.status ?? 0);
}
