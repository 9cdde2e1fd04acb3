/**
 * Every error that motus raises, with its stable code. A code is never renamed or reused: programs
 * branch on it, people read the message.
 */

/** What a code means: the HTTP status it is answered with, and the title of its problem document. */
const catalogue = {
  body_incomplete: { status: 400, title: "The body is not complete" },
  body_not_json: { status: 400, title: "The body is not JSON" },
  session_id_invalid: { status: 400, title: "The session id is not a UUID" },
  token_missing: { status: 401, title: "A token is needed" },
  token_invalid: { status: 401, title: "The token is not valid" },
  host_forbidden: { status: 403, title: "The host name is not the server's" },
  origin_forbidden: { status: 403, title: "The origin is not allowed" },
  session_not_found: { status: 404, title: "There is no such session" },
  route_not_found: { status: 404, title: "There is no such route" },
  method_not_allowed: { status: 405, title: "The method is not allowed here" },
  turn_not_found: { status: 404, title: "There is no such turn" },
  interrupt_not_found: { status: 404, title: "There is no such question" },
  custom_ids_disabled: { status: 405, title: "Session ids are chosen by the server" },
  session_not_running: { status: 409, title: "No turn runs in the session" },
  session_not_interrupted: { status: 409, title: "The session asks nothing" },
  interrupt_answered: { status: 409, title: "The question was answered already" },
  session_busy: { status: 409, title: "The session is busy" },
  session_exists: { status: 409, title: "The session exists already" },
  idempotency_in_progress: { status: 409, title: "The request with this key is still being answered" },
  body_too_large: { status: 413, title: "The body is too large" },
  unsupported_media_type: { status: 415, title: "The body must be sent as JSON" },
  validation_failed: { status: 422, title: "The request does not fit its schema" },
  idempotency_key_reused: { status: 422, title: "The key belongs to another request" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal_error: { status: 500, title: "The server failed" },
  session_limit_reached: { status: 503, title: "The server holds as many sessions as it may" },
  queue_full: { status: 503, title: "Too many turns are waiting" },
  connection_limit_reached: { status: 503, title: "The server answers as many requests as it may" },
  keys_unavailable: { status: 503, title: "The keys that tokens are checked with are not to be had" },
  shutting_down: { status: 503, title: "The server is shutting down" },
  store_unavailable: { status: 503, title: "The store cannot be read or written" },
  workers_unavailable: { status: 503, title: "No worker can be started for now" },
  // Raised when a server is made or started, never over HTTP.
  option_invalid: { status: 500, title: "An option has a value that it cannot have" },
  store_invalid: { status: 500, title: "The file cannot be used as a store" },
  store_locked: { status: 500, title: "The store is used by another server" },
  sandbox_unavailable: { status: 500, title: "Turns cannot run in a sandbox on this machine" },
  address_unprotected: { status: 500, title: "An address that others can reach needs a token" },
  address_unavailable: { status: 500, title: "The address cannot be listened on" },
  agent_not_found: { status: 500, title: "The agent's module was not found" },
  agent_export_missing: { status: 500, title: "The agent's module has no such export" },
  agent_invalid: { status: 500, title: "The export is not an agent" },
  agent_import_failed: { status: 500, title: "The agent's module failed to load" },
  agent_sdk_missing: { status: 500, title: "The agent's SDK is not installed" },
  agent_sdk_unsupported: { status: 500, title: "The agent's SDK has a version that motus does not know" },
  outside_turn: { status: 500, title: "Something was called that works only inside a turn" },
  already_used: { status: 500, title: "A server listens once" },
  nested_too_deep: { status: 500, title: "A server was started inside a worker" },
} as const;

/** The stable name of an error. */
export type ErrorCode = keyof typeof catalogue;

/** The HTTP status that an error with a code is answered with. */
export type StatusOf<Code extends ErrorCode> = (typeof catalogue)[Code]["status"];

/** One field of a request that does not fit: where it is, as a JSON pointer, and what is wrong. */
export interface FieldError {
  field: string;
  message: string;
}

export interface MotusErrorDetails {
  /** The fields at fault, with `validation_failed`. */
  errors?: FieldError[];
  /** Headers that belong to the answer, such as `Retry-After` or `Allow`. */
  headers?: Record<string, string>;
  cause?: unknown;
}

const marker = Symbol.for("motus.error");

/** An error that a caller may want to handle. `code` says which; `message` says what to do about it. */
export class MotusError extends Error {
  override readonly name = "MotusError";
  readonly [marker] = true;
  readonly code: ErrorCode;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;

  constructor(code: ErrorCode, message: string, details: MotusErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.errors = details.errors;
    this.headers = details.headers ?? {};
  }

  /** The HTTP status that this error is answered with. */
  get status(): number {
    return catalogue[this.code].status;
  }

  /** What the code means, the same sentence for every error with this code. */
  get title(): string {
    return catalogue[this.code].title;
  }

  /** Whether a value is a MotusError, also when it comes from another copy of the package. */
  static isInstance(value: unknown): value is MotusError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** Ends a `switch` that must handle every case: a case that was forgotten is a compile error here. */
export function assertNever(value: never): never {
  throw new Error(`Unexpected value: ${JSON.stringify(value)}`);
}
