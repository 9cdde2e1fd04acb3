/**
 * The client of a motus server, for Bun, Node.js, Deno and browsers.
 *
 * It starts and reads sessions and sends messages; `stream` reads along while a turn runs, `wait` waits for its answer.
 */
import type { ChatMessage } from "../protocol/chat-message.ts";
import type { SessionEvent } from "../protocol/event.ts";
import type { Accepted, CreateSession, Health, Resumed, SendMessage } from "../protocol/http.ts";
import type {
  Metadata,
  SessionStatus,
  SessionSummary,
  SessionView,
  TurnLogs,
  TurnView,
} from "../protocol/session.ts";
import { MotusClientError } from "./client-error.ts";
import { type Call, Connection } from "./connection.ts";
import { type EventsOptions, followTurn, readEvents, streamTurn } from "./read-events.ts";
import { parseServerUrl } from "./server-url.ts";
import { type WaitOptions, waitForSession } from "./wait-for-session.ts";

export type { ChatMessage, Role, ToolCall } from "../protocol/chat-message.ts";
export type { AgentEvent, SessionEvent, TurnEvent } from "../protocol/event.ts";
export type {
  Accepted,
  CreateSession,
  Health,
  Problem,
  Resumed,
  SendMessage,
  Webhook,
  WebhookPayload,
} from "../protocol/http.ts";
export type {
  Interrupt,
  Question,
  ToolApproval,
  ToolApprovalAnswer,
  UserInput,
  UserInputAnswer,
} from "../protocol/interrupt.ts";
export type {
  Metadata,
  Outcome,
  Receipt,
  SessionStatus,
  SessionSummary,
  SessionView,
  TokenUsage,
  TurnLogs,
  TurnView,
} from "../protocol/session.ts";
export { type ClientErrorDetails, MotusClientError } from "./client-error.ts";
export type { EventsOptions } from "./read-events.ts";
export type { WaitOptions } from "./wait-for-session.ts";

/** How a client talks to its server. */
export interface MotusClientOptions {
  /**
   * Sent as `Authorization: Bearer <token>` with every request.
   * @default none
   */
  token?: string;
  /**
   * What sends the requests; give your own to log them or to add headers.
   * @default the runtime's fetch
   */
  fetch?: (url: string, init: RequestInit) => Promise<Response>;
}

/** What every request takes. */
export interface RequestOptions {
  /** Gives the request up; it then rejects with the signal's reason. */
  signal?: AbortSignal;
}

/** What a request takes that does something. */
export interface PostOptions extends RequestOptions {
  /**
   * A name of your own for the request, 1 to 255 characters, such as a UUID. Sent again with the same key within a day,
   * it gets its first answer again and does nothing twice; so it may be sent again after `connection_failed`.
   * `idempotency_key_reused` with another body, `idempotency_in_progress` while the first is still being answered.
   * @default none
   */
  idempotencyKey?: string;
}

/** What a session starts with. */
export interface NewSession extends CreateSession {
  /**
   * An id of your own, a UUID; the server must run with `--allow-custom-ids`.
   * @default chosen by the server
   */
  sessionId?: string;
}

/** Which sessions to list. */
export interface ListSessions {
  /**
   * Sessions a page, 1 to 1000.
   * @default all in one page
   */
  limit?: number;
  /**
   * Where the page before ended: its `next`.
   * @default the first page
   */
  after?: number;
  /**
   * Only sessions with this status.
   * @default any
   */
  status?: SessionStatus;
}

/** Sessions, oldest first. */
export interface SessionPage {
  sessions: SessionSummary[];
  /** The `after` of the next page; null when there is none. */
  next: number | null;
}

/**
 * A client of one server. It holds no connection open and needs no closing.
 *
 * Every method rejects with a `MotusClientError`: with the server's code, which each method names, or with
 * `connection_failed`, `unexpected_answer`, `token_missing`, `token_invalid`, `rate_limited` or `connection_limit_reached`,
 * which any may have.
 *
 * @example
 * ```ts
 * import { MotusClient } from "motus-serve/client";
 *
 * const client = new MotusClient("http://127.0.0.1:8000");
 * const { session_id } = await client.createSession();
 * await client.send(session_id, "Hello!");
 * const { response, error } = await client.wait(session_id);
 * console.log(response?.content ?? error);
 * await client.deleteSession(session_id);
 * ```
 */
export class MotusClient {
  readonly #connection: Connection;

  /**
   * Sends nothing yet.
   *
   * @param url Where the server listens, such as `http://127.0.0.1:8000`; a path is kept, for servers behind
   * a proxy.
   * @throws {TypeError} when it is not an http or https URL.
   */
  constructor(url: string, { token, fetch }: MotusClientOptions = {}) {
    this.#connection = new Connection(parseServerUrl(url), {
      token,
      // A browser's fetch works only as a method of its window.
      fetch: fetch ?? ((address, init) => globalThis.fetch(address, init)),
    });
  }

  /** Where the server listens, without a slash at its end. */
  get url(): string {
    return this.#connection.url;
  }

  /** How busy the server is, and its version. */
  health(options?: RequestOptions): Promise<Health> {
    return this.#call("GET", "/health", options);
  }

  /**
   * Starts a conversation, with messages to go on from if there are any.
   *
   * @throws {MotusClientError} `session_limit_reached`, `validation_failed`, `body_too_large`; with an id of your
   * own also `custom_ids_disabled`, `session_id_invalid` and `session_exists`; then a key says nothing that the id
   * does not.
   */
  async createSession({ sessionId, ...body }: NewSession = {}, options?: PostOptions): Promise<SessionView> {
    if (sessionId === undefined) return this.#call("POST", "/sessions", options, body);
    return this.#call("PUT", sessionPath(sessionId), options, body);
  }

  /**
   * One page of the conversations.
   *
   * @throws {MotusClientError} `validation_failed`.
   */
  async listSessions(
    { limit, after, status }: ListSessions = {},
    options?: RequestOptions,
  ): Promise<SessionPage> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries({ limit, after, status })) {
      if (value !== undefined) query.set(name, String(value));
    }
    const { body, headers } = await this.#connection.call<SessionSummary[]>({
      method: "GET",
      path: query.size === 0 ? "/sessions" : `/sessions?${query}`,
      signal: options?.signal,
    });
    return { sessions: body, next: nextPage(headers.get("link")) };
  }

  /**
   * All conversations, fetched page by page while they are read. `limit` is the size of a page, 100 unless
   * given; a session that is deleted meanwhile makes no other one missing.
   *
   * @throws {MotusClientError} `validation_failed`.
   *
   * @example
   * ```ts
   * for await (const { session_id } of client.allSessions({ status: "error" })) console.log(session_id);
   * ```
   */
  async *allSessions(
    { limit = 100, ...query }: ListSessions = {},
    options?: RequestOptions,
  ): AsyncGenerator<SessionSummary, void> {
    let next: number | null = query.after ?? null;
    do {
      const after: Pick<ListSessions, "after"> = next === null ? {} : { after: next };
      const page: SessionPage = await this.listSessions({ ...query, limit, ...after }, options);
      yield* page.sessions;
      next = page.next;
    } while (next !== null);
  }

  /**
   * A conversation as it is now.
   *
   * @throws {MotusClientError} `session_not_found`.
   */
  async getSession(sessionId: string, options?: RequestOptions): Promise<SessionView> {
    return this.#call("GET", sessionPath(sessionId), options);
  }

  /**
   * The conversation as soon as no turn runs in it, or as soon as its turn asks a person: then its status is
   * `interrupted`. A turn that did not succeed does not reject: the status is `error`.
   *
   * It may take hours. When the connection breaks, the wait is taken up again; it rejects after six failures
   * in a row, which take about three seconds.
   *
   * @throws {MotusClientError} `session_not_found`, also when it is deleted meanwhile; `validation_failed`.
   */
  async wait(sessionId: string, options: WaitOptions = {}): Promise<SessionView> {
    return waitForSession(this.#connection, sessionPath(sessionId), options);
  }

  /**
   * Replaces what you keep with a conversation.
   *
   * @throws {MotusClientError} `session_not_found`, `validation_failed`, `body_too_large`.
   */
  async setMetadata(sessionId: string, metadata: Metadata, options?: RequestOptions): Promise<SessionView> {
    return this.#call("PATCH", sessionPath(sessionId), options, { metadata });
  }

  /**
   * Ends a conversation. Its running turn is killed, and is gone when this resolves.
   *
   * @throws {MotusClientError} `session_not_found`.
   */
  async deleteSession(sessionId: string, options?: RequestOptions): Promise<void> {
    await this.#call("DELETE", sessionPath(sessionId), options);
  }

  /**
   * The conversation as the agent keeps it, oldest message first.
   *
   * @throws {MotusClientError} `session_not_found`.
   */
  async messages(sessionId: string, options?: RequestOptions): Promise<ChatMessage[]> {
    return this.#call("GET", `${sessionPath(sessionId)}/messages`, options);
  }

  /**
   * Says something, which starts a turn, and resolves when the server has accepted it. The turn goes on
   * whatever becomes of the client; `wait` gets its answer. A text is sent as a `user` message.
   *
   * It is never sent twice: after `connection_failed` send it again with the same `idempotencyKey`, or without one look
   * at the session first.
   *
   * @throws {MotusClientError} `session_not_found`; `session_busy` while a turn runs; `queue_full` and
   * `shutting_down`, after which it may be sent again; `validation_failed`, `body_too_large`.
   */
  async send(sessionId: string, message: string | SendMessage, options?: PostOptions): Promise<Accepted> {
    const body: SendMessage = typeof message === "string" ? { content: message } : message;
    return this.#call("POST", `${sessionPath(sessionId)}/messages`, options, body);
  }

  /**
   * Says something and reads what its turn says, up to and including its `turn-end`. The message is sent once; when the
   * connection breaks, the turn goes on and the reading is taken up where it was, each event once. Leaving the loop
   * does not end the turn; `cancel` does. A `reset` event stands for events that are no longer held; `turn-end` comes
   * last all the same.
   *
   * @throws {MotusClientError} as `send`; `session_not_found` also when the session is deleted before the turn's end;
   * `connection_failed` when the server stays out of reach; `events_lost` when the turn's end is no longer held and
   * others have followed.
   *
   * @example
   * ```ts
   * for await (const event of client.stream(session_id, "Hello!")) {
   *   if (event.type === "text-delta") process.stdout.write(event.delta);
   * }
   * ```
   */
  stream(
    sessionId: string,
    message: string | SendMessage,
    options: PostOptions = {},
  ): AsyncGenerator<SessionEvent, void> {
    const body: SendMessage = typeof message === "string" ? { content: message } : message;
    const call = { body, headers: keyHeader(options), signal: options.signal };
    return streamTurn(this.#connection, sessionPath(sessionId), call);
  }

  /**
   * Reads the turn that is under way, whoever started it: as `stream`, but without a message. It begins with the turn's
   * first event, or with a `reset` when that is no longer held, and yields nothing when no turn is under way. A question
   * among the events may have been answered already; the session's `interrupts` are those that wait.
   *
   * @throws {MotusClientError} `session_not_found`, `connection_failed` and `events_lost` as `stream`.
   */
  follow(sessionId: string, options: RequestOptions = {}): AsyncGenerator<SessionEvent, void> {
    return followTurn(this.#connection, sessionPath(sessionId), options);
  }

  /**
   * What all turns of a conversation say: what is held after a place, then live. It reconnects by itself with its last
   * number after the time that the server asks for, and returns when the session is deleted. A `reset` event stands for
   * events that are no longer held.
   *
   * @throws {MotusClientError} `session_not_found` when it was never there; `connection_failed` after seven failures in a
   * row, whose pauses grow: six seconds when there was no connection before, else about a minute.
   */
  events(sessionId: string, options: EventsOptions = {}): AsyncGenerator<SessionEvent, void> {
    return readEvents(this.#connection, sessionPath(sessionId), options);
  }

  /**
   * Answers a question of the turn. The same answer may be given again.
   *
   * @param value What the agent that asked expects: `{approved}` for a tool approval, `{answers}` for questions.
   * @throws {MotusClientError} `session_not_found`, `interrupt_not_found`, `session_not_interrupted`,
   * `interrupt_answered` when another answer was given before.
   */
  async resume(
    sessionId: string,
    interruptId: string,
    value: unknown,
    options?: PostOptions,
  ): Promise<Resumed> {
    const body = { interrupt_id: interruptId, value: value === undefined ? null : value };
    return this.#call("POST", `${sessionPath(sessionId)}/resume`, options, body);
  }

  /**
   * Stops the turn, whether it waits, runs or asks. Resolves with the session when its process is gone.
   *
   * @throws {MotusClientError} `session_not_found`, `session_not_running`.
   */
  async cancel(sessionId: string, options?: PostOptions): Promise<SessionView> {
    return this.#call("POST", `${sessionPath(sessionId)}/cancel`, options);
  }

  /**
   * How the last hundred turns ended and what they cost, oldest first.
   *
   * @throws {MotusClientError} `session_not_found`.
   */
  async turns(sessionId: string, options?: RequestOptions): Promise<TurnView[]> {
    return this.#call("GET", `${sessionPath(sessionId)}/turns`, options);
  }

  /**
   * How one turn ended and what it cost.
   *
   * @throws {MotusClientError} `session_not_found`, `turn_not_found`.
   */
  async turn(sessionId: string, turnId: string, options?: RequestOptions): Promise<TurnView> {
    return this.#call("GET", `${sessionPath(sessionId)}/turns/${encodeURIComponent(turnId)}`, options);
  }

  /**
   * What a turn's process wrote, also while it runs: the last 64 kB of each stream. Kept for the last ten turns.
   *
   * @throws {MotusClientError} `session_not_found`, `turn_not_found`.
   */
  async logs(sessionId: string, turnId: string, options?: RequestOptions): Promise<TurnLogs> {
    return this.#call("GET", `${sessionPath(sessionId)}/turns/${encodeURIComponent(turnId)}/logs`, options);
  }

  async #call<T>(
    method: Call["method"],
    path: string,
    options: PostOptions = {},
    body?: unknown,
  ): Promise<T> {
    const headers = keyHeader(options);
    return (await this.#connection.call<T>({ method, path, body, headers, signal: options.signal })).body;
  }
}

function keyHeader({ idempotencyKey }: PostOptions): Record<string, string> {
  return idempotencyKey === undefined ? {} : { "idempotency-key": idempotencyKey };
}

/** @throws {MotusClientError} `session_id_invalid` for what would lead to another path, such as "..". */
function sessionPath(sessionId: string): string {
  if (/^[\w-]+$/.test(sessionId)) return `/sessions/${sessionId}`;
  throw new MotusClientError(
    "session_id_invalid",
    `Cannot use "${sessionId}" as a session id: it is not a UUID, such as createSession returns`,
  );
}

function nextPage(link: string | null): number | null {
  const target = link?.match(/<([^>]*)>\s*;\s*rel="?next"?/)?.[1];
  const after = target === undefined ? null : new URLSearchParams(target.split("?")[1]).get("after");
  return after === null ? null : Number(after);
}
