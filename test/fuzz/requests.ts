/**
 * Requests made from the OpenAPI document: those that it allows, those that it nearly allows, and those that nobody sends.
 *
 * What the server only makes up later is named by a placeholder, so that a request can be written down and made smaller:
 * `@session:2`, `@turn:0` and `@interrupt:1` stand for ids that answers have brought.
 */
import fc, { type Arbitrary } from "fast-check";
import type { ApiDocument, Operation, Schema } from "./api-document.ts";
import { change, changed, fitting, text } from "./values.ts";

export interface FuzzRequest {
  method: string;
  /** With placeholders. */
  path: string;
  query: [name: string, value: string][];
  headers: [name: string, value: string][];
  /** As JSON text with placeholders, unless `bytes` says what is sent instead. */
  body: string | undefined;
  /** Bytes in hexadecimal, for what is no text. */
  bytes: string | undefined;
  isChunked: boolean;
  /** `right` unless the door is to stay closed. */
  token: "right" | "wrong" | "none";
}

const id = fc.oneof(
  { weight: 8, arbitrary: fc.nat(3).map((n) => `@session:${n}`) },
  { weight: 1, arbitrary: fc.uuid() },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      ...[
        "%00",
        "%2f",
        "..",
        "%2e%2e",
        ".",
        "%zz",
        "%ff",
        "",
        "__proto__",
        "constructor",
        ";x=1",
        "@",
        "*",
        "%F0%9F%98%80",
      ],
      "a".repeat(3_000),
    ),
  },
);
const turnId = fc.oneof(
  fc.nat(3).map((n) => `@turn:${n}`),
  id,
);

const contentTypes = [
  ...[
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/problem+json",
    "application/json;;;",
  ],
  ...[
    "",
    "text/plain",
    "application/xml",
    "application/octet-stream",
    "application/jsonp",
    "json",
    ",",
    "\xff",
  ],
  ...[
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=utf-16",
  ],
];

/** Headers that mean something here, and headers by themselves harmless in values that are not. */
const oddHeader: Arbitrary<[string, string]> = fc.oneof(
  { weight: 6, arbitrary: header("Idempotency-Key", "a", "b") },
  { weight: 3, arbitrary: header("Accept", "text/event-stream") },
  header("Idempotency-Key", "", "x".repeat(255), "x".repeat(256), "\xff\xfe", "a, b", '"q"'),
  header("Last-Event-ID", "0", "1", "99999999999", "-1", "1e3", "x", "", "\xff", "1, 2"),
  header(
    "Accept",
    "text/event-stream",
    "text/html",
    "*/*",
    "",
    "application/xml;q=0.1",
    "text/event-stream;q=0",
  ),
  header("Prefer", "wait=5", "respond-async", "wait=-1"),
  header("Origin", "null", "https://evil.example", "", "http://127.0.0.1", "\xff"),
  header("Content-Encoding", "identity", "gzip", "br", "zstd", "x", ""),
  header("Accept-Encoding", "gzip", "identity;q=0", "*"),
  header("Expect", "100-continue", "200-maybe"),
  header("Connection", "close", "keep-alive", "X-Odd", "Upgrade"),
  header("Upgrade", "websocket", "h2c", "x"),
  header("X-HTTP-Method-Override", "DELETE"),
  header("X-Forwarded-For", "1.2.3.4", "\xff"),
  header("Range", "bytes=0-1", "bytes=-"),
  header("If-None-Match", "*"),
  header("Cookie", "a=b; __proto__=c", "x".repeat(4_000)),
  header("__proto__", "1"),
  header("X-Odd", "", "\t", "\xc3\xa9", "a".repeat(6_000)),
);

function header(name: string, ...values: string[]): Arbitrary<[string, string]> {
  return fc.tuple(fc.constant(name), fc.constantFrom(...values));
}

/** One request of any kind. */
export function anyRequest(document: ApiDocument): Arbitrary<FuzzRequest> {
  const more: Record<string, number> = { sendMessage: 6, resumeTurn: 3, createSession: 2 };
  const requests = document.operations.map((operation) => ({
    weight: more[operation.name] ?? 1,
    arbitrary: requestOf(document, operation),
  }));
  return fc.oneof(...requests, { weight: 1, arbitrary: elsewhere });
}

function requestOf(document: ApiDocument, operation: Operation): Arbitrary<FuzzRequest> {
  return fc
    .record({
      id,
      turnId,
      query: queryOf(document, operation.query),
      method: mostly(
        operation.method,
        fc.constantFrom(...["HEAD", "OPTIONS", "TRACE", "PUT", "PATCH", "PROPFIND"]),
      ),
      slash: mostly("", fc.constantFrom("/", "//", "%20", ";x")),
      ...bodyOf(document, operation),
      ...common,
    })
    .map(({ id, turnId, slash, contentType, hasType, headers, ...rest }) => ({
      ...rest,
      path: operation.path.replace("{id}", id).replace("{turn_id}", turnId) + slash,
      headers:
        hasType && rest.body !== undefined
          ? [["Content-Type", contentType] as [string, string], ...headers]
          : headers,
    }));
}

const common = {
  headers: mostly<[string, string][]>([], fc.array(oddHeader, { minLength: 1, maxLength: 3 }), 3),
  contentType: mostly("application/json", fc.constantFrom(...contentTypes)),
  hasType: mostly(true, fc.boolean()),
  isChunked: mostly(false, fc.boolean(), 3),
  token: mostly<FuzzRequest["token"]>("right", fc.constantFrom("wrong", "none")),
};

/** What is no route, and what only looks like one. */
const elsewhere: Arbitrary<FuzzRequest> = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "QUERY"),
  path: fc.constantFrom(
    ...[
      "/",
      "//",
      "/sessions/",
      "/health/../sessions",
      "/%2e%2e/sessions",
      "/health/%2e%2e/sessions",
      "/swagger",
    ],
    ...[
      "/sessions%2f",
      "/SESSIONS",
      "/sessions;a",
      "/health%00",
      "/\xff",
      "/swagger/assets/../json",
      "/.git/config",
    ],
    ...[
      "//evil.example/sessions",
      "http://evil.example/sessions",
      "/sessions/@session:0/nothing",
      "/__proto__",
    ],
  ),
  query: fc.constant([]),
  body: fc.constantFrom(undefined, "{}"),
  bytes: fc.constant(undefined),
  headers: common.headers,
  isChunked: common.isChunked,
  token: common.token,
});

function bodyOf(document: ApiDocument, { body, isBodyRequired }: Operation) {
  const value = body === undefined ? fc.constant(undefined) : bodyText(document, body, isBodyRequired);
  const stray = fc.constantFrom("{}", "[]", "null", "x", '{"a":1}', "");
  return {
    body: body === undefined ? mostly(undefined, stray) : value,
    bytes: mostly(undefined, fc.constantFrom(...oddBytes), 20),
  };
}

/** Bytes that are no JSON text: broken UTF-8, UTF-16, compressed, a mark before the text, and nothing. */
const oddBytes = [
  "7b22ff223a317d",
  "22c328",
  "fffe7b007d00",
  "1f8b0800000000000003abae05004312",
  "efbbbf7b7d",
  "00",
  "",
];

function bodyText(document: ApiDocument, schema: Schema, isRequired: boolean): Arbitrary<string | undefined> {
  const fit = fitting(document, schema).map(withInterrupt);
  const nearly = fc
    .tuple(fit, fc.array(change, { minLength: 1, maxLength: 2 }))
    .map(([value, changes]) => changes.reduce(changed, value));
  const written = fc.oneof({ weight: 3, arbitrary: fit }, { weight: 2, arbitrary: nearly }).map(
    // What cannot be written as JSON is nothing.
    (value) => JSON.stringify(value) ?? "",
  );
  const broken = fc
    .tuple(written, fc.constantFrom("cut", "more", "huge", "twice", "long"))
    .map(([value, how]) => {
      if (how === "cut") return value.slice(0, -1);
      if (how === "more") return `${value}]`;
      if (how === "huge") return value.replace(/^\{/, '{"metadata":{"n":1e400},');
      if (how === "twice") return value.replace(/^\{/, '{"content":1,"content":"x",');
      return `${value}${" ".repeat(70_000)}`;
    });
  return fc.oneof(
    { weight: 10, arbitrary: written },
    { weight: 1, arbitrary: broken },
    { weight: isRequired ? 1 : 4, arbitrary: fc.constant(undefined) },
  );
}

/** An answer is to a question that was asked, most of the time. */
function withInterrupt(value: unknown): unknown {
  if (typeof value !== "object" || value === null || !("interrupt_id" in value)) return value;
  const length = String(value.interrupt_id).length;
  return length % 4 === 3 ? value : { ...value, interrupt_id: `@interrupt:${length % 4}` };
}

function queryOf(document: ApiDocument, schemas: Record<string, Schema>): Arbitrary<[string, string][]> {
  const names = Object.keys(schemas);
  if (names.length === 0) return mostly([], fc.constant<[string, string][]>([["odd", "1"]]), 20);
  const one = fc.constantFrom(...names).chain((name) =>
    fc.tuple(
      fc.constant(name),
      fc.oneof(
        {
          weight: 3,
          arbitrary: fitting(document, schemas[name]!).map((value) => encodeURIComponent(String(value))),
        },
        { weight: 1, arbitrary: fc.constantFrom(...oddQueryValues) },
        { weight: 1, arbitrary: text.map((value) => encodeURIComponent(value.toWellFormed())) },
      ),
    ),
  );
  const unknown = fc.tuple(fc.constantFrom("odd", "__proto__", "%00", "", "limit[]"), fc.constant("1"));
  return fc.array(fc.oneof({ weight: 8, arbitrary: one }, { weight: 1, arbitrary: unknown }), {
    maxLength: 3,
  });
}

const oddQueryValues = [
  "",
  "-1",
  "0",
  "1e400",
  "NaN",
  "Infinity",
  "0x10",
  "9".repeat(30),
  "%zz",
  "%00",
  "1.5",
  "true",
  "1,2",
  "+1",
  "%ff",
];

/** One value nearly always, and another one now and then. */
function mostly<Value>(usual: Value, other: Arbitrary<Value>, weight = 8): Arbitrary<Value> {
  return fc.oneof({ weight, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: other });
}
