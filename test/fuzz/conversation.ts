/** Sends requests in a row, fills in the ids that answers have brought, and judges every answer. */
import { dropNulls } from "../../src/protocol/drop-nulls.ts";
import type { ApiDocument, Operation } from "./api-document.ts";
import type { HttpLine, RawAnswer, RawRequest } from "./http-line.ts";
import type { FuzzRequest } from "./requests.ts";

export interface Target {
  url: string;
  document: ApiDocument;
  line: HttpLine;
  /** What the server wants to see; undefined when it lets everybody in. */
  token: string | undefined;
}

/** How deep a body may be nested, as the document says. */
const maxDepth = 200;
const refusals = new Set(["validation_failed", "body_not_json", "unsupported_media_type"]);

type Kind = "session" | "turn" | "interrupt";

export class Conversation {
  readonly #target: Target;
  readonly #ids: Record<Kind, Set<string>> = {
    session: new Set<string>(),
    turn: new Set<string>(),
    interrupt: new Set<string>(),
  };

  constructor(target: Target) {
    this.#target = target;
  }

  /** Resolves with the status of the answer; fails when there is none, or one that must not be. */
  async send(request: FuzzRequest): Promise<number> {
    const { line } = this.#target;
    if (request.path.endsWith("/resume")) await this.#readQuestions(request.path);
    const raw = this.#write(request);
    const answer = await line.send(raw);
    const fault = this.#fault(request, raw, answer);
    if (fault !== undefined) throw new Error(describe(fault, raw, answer));
    this.#learn(answer);
    return answer.status;
  }

  /** Makes a session, so that there is something to talk about. */
  async begin(): Promise<void> {
    const headers: RawRequest["headers"] = [...this.#headers("right"), ["Content-Length", "0"]];
    this.#learn(await this.#target.line.send({ method: "POST", target: "/sessions", headers }));
  }

  /** Whoever answers a question has read it before. */
  async #readQuestions(path: string): Promise<void> {
    const target = `${this.#fill(path).replace(/\/resume$/, "")}?wait=true`;
    const headers = [...this.#headers("right")];
    this.#learn(await this.#target.line.send({ method: "GET", target, headers }));
  }

  /** Deletes what was made. */
  async end(): Promise<void> {
    for (const id of this.#ids.session) {
      const headers = [...this.#headers("right")];
      await this.#target.line.send({ method: "DELETE", target: `/sessions/${id}`, headers });
    }
  }

  #write({ method, path, query, headers, body, bytes, isChunked, token }: FuzzRequest): RawRequest {
    const search = query.map(([name, value]) => `${name}=${value}`).join("&");
    const target = this.#fill(path) + (search === "" ? "" : `?${search}`);
    const sent = bytes !== undefined ? Buffer.from(bytes, "hex") : body && Buffer.from(this.#fill(body));
    const written: RawRequest = { method, target, headers: [...this.#headers(token), ...headers] };
    if (sent === undefined || sent === "") {
      if (method !== "GET" && method !== "HEAD") written.headers.push(["Content-Length", "0"]);
      return written;
    }
    written.headers.push(
      isChunked ? ["Transfer-Encoding", "chunked"] : ["Content-Length", String(sent.length)],
    );
    return { ...written, body: isChunked ? inChunks(sent) : sent };
  }

  *#headers(token: FuzzRequest["token"]): Generator<[string, string]> {
    yield ["Host", new URL(this.#target.url).host];
    if (this.#target.token === undefined || token === "none") return;
    yield ["Authorization", `Bearer ${token === "right" ? this.#target.token : "wrong"}`];
  }

  #fill(text: string): string {
    return text.replace(/@(session|turn|interrupt):(\d+)/g, (_, kind: Kind, index) => {
      const ids = [...this.#ids[kind]];
      return ids[Number(index) % ids.length] ?? "00000000-0000-4000-8000-000000000000";
    });
  }

  #learn({ status, text }: RawAnswer): void {
    if (status >= 300) return;
    for (const [, kind, id] of text.matchAll(/"(session|turn|interrupt)_id":"([0-9a-f-]{36})"/g))
      this.#ids[kind as Kind].add(id as string);
  }

  #fault(request: FuzzRequest, raw: RawRequest, answer: RawAnswer): string | undefined {
    const { document, token } = this.#target;
    const url = URL.parse(raw.target, "http://localhost");
    const path = url?.pathname ?? "/";
    const operation = document.find(raw.method, path);
    if (path.startsWith("/swagger")) return answer.status >= 500 ? "a failure of the server" : undefined;
    const isOutside = token !== undefined && request.token !== "right" && !/^\/health\/?$/.test(path);
    if (isOutside && answer.status < 400) return "an answer to somebody without a token";
    const fault = document.fault(operation, raw.method, answer);
    if (fault !== undefined || operation === undefined || isOutside) return fault;
    return this.#verdictFault(operation, request, raw, answer);
  }

  /** Whether the server took what the document forbids, or refused what it allows. */
  #verdictFault(operation: Operation, request: FuzzRequest, raw: RawRequest, answer: RawAnswer) {
    const verdict = this.#verdict(operation, request);
    if (verdict === undefined || raw.method === "HEAD") return undefined;
    const { code, detail } = answer.status >= 400 ? JSON.parse(answer.text) : { code: "", detail: "" };
    // Which URLs can be called is more than a schema can say.
    if (verdict === "fits" && refusals.has(code) && !detail.includes("/webhook/url"))
      return `a refusal of what the document allows: ${detail}`;
    if (verdict === "fits") return answer.status < 300 ? alteredMetadata(raw, answer) : undefined;
    return answer.status < 400 ? `taken, though the document forbids it: ${verdict}` : undefined;
  }

  /** `fits`, what does not, or undefined when it is not for the document to say. */
  #verdict(operation: Operation, { query, headers, path, ...request }: FuzzRequest): string | undefined {
    const names = headers.map(([name]) => name.toLowerCase());
    const type = headers.find(([name]) => name === "Content-Type")?.[1] ?? "";
    const isOdd = names.some((name) =>
      /^(origin|idempotency-key|last-event-id|content-encoding)$/.test(name),
    );
    // A form is refused at the door, whatever it is for.
    if (isOdd || /form/.test(type) || request.bytes !== undefined || /%(zz|ff)/i.test(path)) return undefined;
    for (const [name, value] of query) {
      const schema = Object.hasOwn(operation.query, name) ? operation.query[name] : undefined;
      if (schema === undefined || query.length > 1) return undefined;
      const misfit = this.#target.document.misfit(schema, plainValue(decoded(value)));
      // What numbers and booleans may look like in a query is for the server to say.
      if (misfit !== undefined) return undefined;
    }
    const body = request.body === undefined || request.body === "" ? undefined : this.#fill(request.body);
    if (operation.body === undefined) return body === undefined ? "fits" : undefined;
    if (body === undefined) return operation.isBodyRequired ? "no body" : "fits";
    if (!/^application\/json(; charset=utf-8)?$/i.test(type)) return undefined;
    return this.#bodyVerdict(operation, body);
  }

  #bodyVerdict({ body: schema }: Operation, text: string): string | undefined {
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      return "no JSON";
    }
    if (depthOf(value) > maxDepth) return "nested too deep";
    if (isPoisoned(value)) return "a field named __proto__";
    const { document } = this.#target;
    if (document.misfit(schema!, withoutNulls(value, document.optionalFields(schema!))) === undefined)
      return "fits";
    // A field that the document does not know is forgiven when it has no value.
    return document.misfit(schema!, withoutNulls(value));
  }
}

/** As the document says, null is no value: in what may be left out of a body, of its state's messages, and of its webhook. */
function withoutNulls(value: unknown, names?: string[]): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  const fields = Object.entries(value).filter(
    ([name, field]) => field !== null || names?.includes(name) === false,
  );
  const body = Object.fromEntries(fields);
  if (Array.isArray(body.state)) body.state = body.state.map(dropNulls);
  if (body.webhook !== undefined) body.webhook = dropNulls(body.webhook);
  return body;
}

/** What was given to be kept comes back as it was. */
function alteredMetadata({ body }: RawRequest, { text }: RawAnswer): string | undefined {
  const given = bodyOf(body)?.metadata;
  if (given === undefined || given === null) return undefined;
  const kept = JSON.parse(text).metadata;
  // Written once more, as the server does: what JSON has no word for is gone from both.
  return Bun.deepEquals(JSON.parse(JSON.stringify(given)), kept, true) ? undefined : "altered metadata";
}

/** What a body that was sent in one piece says. */
function bodyOf(bytes: Buffer | undefined): Record<string, unknown> | undefined {
  try {
    return JSON.parse(bytes?.toString() ?? "");
  } catch {
    return undefined;
  }
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function plainValue(value: string): unknown {
  return /^(true|false|\d{1,15}(\.\d+)?)$/.test(value) ? JSON.parse(value.replace(/^0+(?=\d)/, "")) : value;
}

function depthOf(value: unknown): number {
  if (typeof value !== "object" || value === null) return 0;
  return 1 + Object.values(value).reduce((deepest, inner) => Math.max(deepest, depthOf(inner)), 0);
}

function isPoisoned(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "__proto__") || Object.values(value).some(isPoisoned);
}

function inChunks(bytes: Buffer): Buffer {
  const half = Math.ceil(bytes.length / 2);
  const parts = [bytes.subarray(0, half), bytes.subarray(half)].filter((part) => part.length > 0);
  const chunks = parts.flatMap((part) => [
    Buffer.from(`${part.length.toString(16)}\r\n`),
    part,
    Buffer.from("\r\n"),
  ]);
  return Buffer.concat([...chunks, Buffer.from("0\r\n\r\n")]);
}

function describe(fault: string, { method, target, headers, body }: RawRequest, answer: RawAnswer): string {
  const sent = [`${method} ${target}`, ...headers.map((header) => header.join(": ")), body?.toString() ?? ""];
  const got = [`${answer.status}`, ...[...answer.headers].map((header) => header.join(": ")), answer.text];
  const cut = (lines: string[]) => lines.map((one) => one.slice(0, 1_500)).join("\n");
  return `${fault}\n\n${cut(sent)}\n\nwas answered with\n\n${cut(got)}`;
}
