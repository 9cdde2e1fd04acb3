/** The sessions of one owner: those of others are not there. */
import { MotusError } from "../errors.ts";
import type { ChatMessage } from "../protocol/chat-message.ts";
import type { Webhook } from "../protocol/http.ts";
import type { Metadata } from "../protocol/session.ts";
import type { Attempt } from "../session/idempotency-store.ts";
import type { Session } from "../session/session.ts";
import type { ListQuery } from "../session/session-store.ts";
import type { Motus } from "./motus.ts";

/** What can be done with sessions. */
export type Sessions = Pick<
  Motus,
  | "createSession"
  | "listSessions"
  | "getSession"
  | "waitForSession"
  | "setMetadata"
  | "messages"
  | "deleteSession"
  | "send"
  | "resume"
  | "cancel"
  | "turns"
  | "turn"
  | "logs"
  | "events"
  | "watch"
  | "closing"
>;

/** @param owner null for all sessions. */
export function sessionsOf(motus: Motus, owner: string | null): Sessions {
  return owner === null ? motus : new OwnedSessions(motus, owner);
}

/**
 * What is read is checked after it was read, and a session once more when it is returned: while a caller waits, its
 * session may be deleted and another owner may make one under the same id.
 */
class OwnedSessions implements Sessions {
  readonly #motus: Motus;
  readonly #owner: string;

  constructor(motus: Motus, owner: string) {
    this.#motus = motus;
    this.#owner = owner;
  }

  async createSession(input: Parameters<Sessions["createSession"]>[0]): Promise<Session> {
    return this.#mine(await this.#motus.createSession({ ...input, owner: this.#owner }));
  }

  listSessions(query: ListQuery): Promise<Session[]> {
    return this.#motus.listSessions({ ...query, owner: this.#owner });
  }

  async getSession(sessionId: string): Promise<Session> {
    return this.#mine(await this.#motus.getSession(sessionId));
  }

  async waitForSession(sessionId: string, wait: Parameters<Sessions["waitForSession"]>[1]): Promise<Session> {
    await this.getSession(sessionId);
    return this.#mine(await this.#motus.waitForSession(sessionId, wait));
  }

  async setMetadata(sessionId: string, metadata: Metadata): Promise<Session> {
    await this.getSession(sessionId);
    return this.#mine(await this.#motus.setMetadata(sessionId, metadata));
  }

  messages(sessionId: string): ReturnType<Sessions["messages"]> {
    return this.#read(sessionId, this.#motus.messages(sessionId));
  }

  async deleteSession(sessionId: string): Promise<void> {
    await this.getSession(sessionId);
    await this.#motus.deleteSession(sessionId);
  }

  async send(
    sessionId: string,
    message: ChatMessage,
    webhook: Webhook | null,
    attempt?: Attempt,
  ): Promise<string> {
    await this.getSession(sessionId);
    return this.#motus.send(sessionId, message, webhook, attempt);
  }

  async resume(sessionId: string, interruptId: string, value: unknown): Promise<Session> {
    await this.getSession(sessionId);
    return this.#mine(await this.#motus.resume(sessionId, interruptId, value));
  }

  async cancel(sessionId: string): Promise<Session> {
    await this.getSession(sessionId);
    return this.#mine(await this.#motus.cancel(sessionId));
  }

  turns(sessionId: string): ReturnType<Sessions["turns"]> {
    return this.#read(sessionId, this.#motus.turns(sessionId));
  }

  turn(sessionId: string, turnId: string): ReturnType<Sessions["turn"]> {
    return this.#read(sessionId, this.#motus.turn(sessionId, turnId));
  }

  logs(sessionId: string, turnId: string): ReturnType<Sessions["logs"]> {
    return this.#read(sessionId, this.#motus.logs(sessionId, turnId));
  }

  events(sessionId: string, after: number, limit: number): ReturnType<Sessions["events"]> {
    return this.#read(sessionId, this.#motus.events(sessionId, after, limit));
  }

  /** A hint without content, for whoever looks at the session afterwards. */
  watch(sessionId: string, listener: () => void): () => void {
    return this.#motus.watch(sessionId, listener);
  }

  get closing(): AbortSignal {
    return this.#motus.closing;
  }

  /** What was read of a session, or that there is none: a failure to read tells nothing about those of others. */
  async #read<T>(sessionId: string, reading: Promise<T>): Promise<T> {
    const [read] = await Promise.allSettled([reading]);
    await this.getSession(sessionId);
    if (read.status === "rejected") throw read.reason;
    return read.value;
  }

  #mine(session: Session): Session {
    if (session.owner === this.#owner) return session;
    throw new MotusError("session_not_found", "Session not found");
  }
}
