/**
 * An HTTP/1.1 client that sends exactly the bytes that it is told to, over one connection that it keeps, and takes nothing
 * as an answer that is none. `fetch` would mend paths, methods and headers before the server sees them.
 */
import { connect, type Socket } from "node:net";

export interface RawRequest {
  method: string;
  /** Path and query as they are written into the request line. */
  target: string;
  /** Each value may hold any byte, as a character up to U+00FF. */
  headers: [name: string, value: string][];
  body?: Buffer;
}

export interface RawAnswer {
  status: number;
  headers: Headers;
  /** The whole body; of a stream of events what came first. */
  text: string;
}

/** How long an answer may take on a machine that is busy with other things. */
const patienceMs = 30_000;

export class HttpLine implements Disposable {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(url: string) {
    this.#port = Number(new URL(url).port);
  }

  /** Fails when the answer is malformed, does not come in time, or does not come at all. */
  async send(request: RawRequest): Promise<RawAnswer> {
    const wasKept = this.#socket !== undefined;
    try {
      return await this.#exchange(request);
    } catch (error) {
      // The server may close a connection that it has kept for a while just as the next request is sent.
      if (wasKept && error instanceof NoAnswer) return this.#exchange(request);
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }

  async #exchange(request: RawRequest): Promise<RawAnswer> {
    this.#socket ??= await open(this.#port);
    const socket = this.#socket;
    const what = `${request.method} ${request.target.slice(0, 200)}`;
    const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
    const reader = new AnswerReader(request.method);
    const fail = (reason: string) => reject(new Error(`${what}: ${reason}`));
    const late = setTimeout(() => fail(`no answer within ${patienceMs} ms`), patienceMs);
    const onData = (chunk: Buffer) => {
      try {
        const answer = reader.take(chunk);
        if (answer !== undefined) resolve(answer);
      } catch (error) {
        fail((error as Error).message);
      }
    };
    const onClose = () => reject(reader.isEmpty ? new NoAnswer(what) : new Error(`${what}: half an answer`));
    socket.on("data", onData).on("close", onClose);
    socket.write(bytesOf(request));
    try {
      const answer = await promise;
      if (answer.headers.get("connection") === "close" || !reader.isWhole) this[Symbol.dispose]();
      return answer;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    } finally {
      clearTimeout(late);
      socket.off("data", onData).off("close", onClose);
    }
  }
}

class NoAnswer extends Error {
  constructor(what: string) {
    super(`${what}: the connection was closed without an answer`);
  }
}

/** Reads one answer as it comes. */
class AnswerReader {
  readonly #method: string;
  #bytes: Buffer = Buffer.alloc(0);
  #head: { status: number; headers: Headers; length: number } | undefined;
  /** Whether the answer has ended, so that the connection can be used again. */
  isWhole = false;

  constructor(method: string) {
    this.#method = method;
  }

  get isEmpty(): boolean {
    return this.#bytes.length === 0;
  }

  take(chunk: Buffer): RawAnswer | undefined {
    this.#bytes = Buffer.concat([this.#bytes, chunk]);
    while (this.#head === undefined) {
      const end = this.#bytes.indexOf("\r\n\r\n");
      if (end === -1) return undefined;
      const head = parseHead(this.#bytes.toString("latin1", 0, end));
      // 100 Continue comes before the answer.
      if (head.status < 200) this.#bytes = this.#bytes.subarray(end + 4);
      else this.#head = { ...head, length: end + 4 };
    }
    const { status, headers, length } = this.#head;
    const body = this.#readBody(this.#bytes.subarray(length));
    return body === undefined ? undefined : { status, headers, text: body.toString("utf8") };
  }

  #readBody(rest: Buffer): Buffer | undefined {
    const { status, headers } = this.#head!;
    const hasNone = this.#method === "HEAD" || status === 204 || status === 304;
    const length = hasNone ? "0" : headers.get("content-length");
    if (length !== null) {
      if (!/^\d+$/.test(length)) throw new Error(`a content-length of "${length}"`);
      if (rest.length > Number(length)) throw new Error(`more than an answer: ${rest.toString("latin1")}`);
      this.isWhole = rest.length === Number(length);
      return this.isWhole ? rest : undefined;
    }
    if (headers.get("transfer-encoding") !== "chunked") throw new Error("an answer of unknown length");
    const { data, isWhole } = readChunks(rest);
    this.isWhole = isWhole;
    const isStream = headers.get("content-type")?.startsWith("text/event-stream") === true;
    return isWhole || (isStream && data.length > 0) ? data : undefined;
  }
}

function parseHead(text: string): { status: number; headers: Headers } {
  const [first = "", ...lines] = text.split("\r\n");
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(first)?.[1];
  if (status === undefined) throw new Error(`a status line of "${first}"`);
  const headers = new Headers();
  for (const line of lines) {
    const [, name, value] = /^([!#$%&'*+.^_`|~\w-]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined) throw new Error(`a header line of "${line}"`);
    headers.append(name, value ?? "");
  }
  return { status: Number(status), headers };
}

function readChunks(bytes: Buffer): { data: Buffer; isWhole: boolean } {
  const parts: Buffer[] = [];
  for (let at = 0; ; ) {
    const end = bytes.indexOf("\r\n", at);
    if (end === -1) return { data: Buffer.concat(parts), isWhole: false };
    const size = Number.parseInt(bytes.toString("latin1", at, end), 16);
    if (!Number.isSafeInteger(size)) throw new Error("a chunk without a size");
    const next = end + 2 + size + 2;
    if (bytes.length < next) return { data: Buffer.concat(parts), isWhole: false };
    if (size === 0) return { data: Buffer.concat(parts), isWhole: true };
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = next;
  }
}

function bytesOf({ method, target, headers, body }: RawRequest): Buffer {
  const lines = [`${method} ${target} HTTP/1.1`, ...headers.map(([name, value]) => `${name}: ${value}`)];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body ?? Buffer.alloc(0)]);
}

async function open(port: number): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect(port, "127.0.0.1", resolve);
  socket.setNoDelay(true);
  socket.once("error", reject);
  await promise;
  // What ends a connection later is seen by its end.
  socket.off("error", reject).on("error", () => {});
  return socket;
}
