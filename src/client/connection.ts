/** One request and its answer: the only place in the client that knows HTTP. */
import type { Problem } from "../protocol/http.ts";
import { MotusClientError } from "./client-error.ts";

export interface Call {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** From the server's URL on, with a query if there is one. */
  path: string;
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  body: T;
  headers: Headers;
}

export class Connection {
  readonly url: string;
  readonly #headers: Record<string, string>;
  readonly #fetch: (url: string, init: RequestInit) => Promise<Response>;

  constructor(
    url: string,
    {
      token,
      fetch,
    }: { token?: string | undefined; fetch: (url: string, init: RequestInit) => Promise<Response> },
  ) {
    this.url = url;
    this.#headers = token ? { authorization: `Bearer ${token}` } : {};
    this.#fetch = fetch;
  }

  /** @throws {MotusClientError} @throws the signal's reason when it fires. */
  async call<T>(call: Call): Promise<Answer<T>> {
    const response = await this.#send(call, "application/json");
    const answer = parseJson(await this.#read(response, call));
    if (response.ok && (answer !== undefined || response.status === 204)) {
      return { body: answer as T, headers: response.headers };
    }
    throw this.#refused(response, answer, call);
  }

  /**
   * Opens a stream of events.
   *
   * @throws {MotusClientError} @throws the signal's reason when it fires.
   */
  async open(call: Call): Promise<Response> {
    const response = await this.#send(call, "text/event-stream");
    if (response.ok && response.headers.get("content-type")?.startsWith("text/event-stream")) return response;
    throw this.#refused(response, parseJson(await this.#read(response, call)), call);
  }

  async #send({ method, path, body, headers, signal }: Call, accept: string): Promise<Response> {
    const init: RequestInit = {
      method,
      headers: {
        ...this.#headers,
        ...headers,
        accept,
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    };
    try {
      return await this.#fetch(this.url + path, init);
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.#connectionFailed(error);
    }
  }

  async #read(response: Response, { signal }: Call): Promise<string> {
    try {
      return await response.text();
    } catch (error) {
      if (signal?.aborted) throw error;
      throw this.#connectionFailed(error);
    }
  }

  #refused(response: Response, answer: unknown, { method, path }: Call): MotusClientError {
    const { status } = response;
    if (!response.ok && isProblem(answer)) {
      const { code, detail, errors } = answer;
      return new MotusClientError(code, detail, { status, errors });
    }
    return new MotusClientError(
      "unexpected_answer",
      `Cannot understand the answer to ${method} ${this.url}${path}: it has status ${status} and is not ` +
        "of a motus server; check the URL, and any proxy on the way",
      { status },
    );
  }

  #connectionFailed(cause: unknown): MotusClientError {
    return new MotusClientError(
      "connection_failed",
      `Cannot reach the server at ${this.url}: ${describe(cause)}; check the URL and that the server is running`,
      { cause },
    );
  }
}

const reasons: Record<string, string> = {
  ECONNREFUSED: "nothing listens there",
  ConnectionRefused: "nothing listens there",
  ECONNRESET: "the connection broke",
  ENOTFOUND: "there is no such host",
};

function describe(error: unknown): string {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return reasons[String(code)] ?? String(message ?? error);
}

/** Undefined for what is not JSON, which no JSON text stands for. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function isProblem(value: unknown): value is Problem {
  if (typeof value !== "object" || value === null) return false;
  const { code, detail } = value as Partial<Problem>;
  return typeof code === "string" && typeof detail === "string";
}
