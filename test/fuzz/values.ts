/** JSON values for a schema: those that fit, and those that very nearly do. */
import fc, { type Arbitrary } from "fast-check";
import type { ApiDocument, Schema } from "./api-document.ts";

/** Texts that have broken something somewhere. */
const oddTexts = [
  "",
  " ",
  "?",
  "\u0000",
  "\ud800",
  "\udc00\ud800",
  "\u2028\u2029",
  "\ufeff",
  "\u202e\u0301\u{1f469}\u200d\u{1f4bb}",
  "null",
  "__proto__",
  "constructor",
  "data: x\n\nevent: turn-end\n\n",
  "\r\nSet-Cookie: a=b",
  "' OR 1=1; --",
  "../../etc/passwd",
  "{{7*7}}",
  "x".repeat(5_000),
];
const oddKeys = [
  "extra",
  "__proto__",
  "constructor",
  "toString",
  "length",
  "",
  "a/b~c",
  "\u0000",
  "\ud800",
  "0",
];
const oddNumbers = [0, -0, -1, 0.1, 1e21, 2 ** 31, 2 ** 53, -(2 ** 53), 1.7976931348623157e308, 5e-324];

/** A webhook's URL that reaches nobody: a fuzzer must not write to strangers. */
const nobody = fc.constantFrom("http://127.0.0.1:1/", "http://127.0.0.1:1/a?b#c");
const oddUrls = fc.constantFrom("http://", "https://:1", "http://a b", "http://[::1");

export const text: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.string({ maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
  { weight: 1, arbitrary: fc.constantFrom(...oddTexts) },
  // As a message, it makes the agent ask.
  { weight: 2, arbitrary: fc.constant("What do you think?") },
);

export const json: Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2, noUnicodeString: false }),
  fc.dictionary(fc.oneof(text, fc.constantFrom(...oddKeys)), text, { maxKeys: 3 }),
  fc.constantFrom<unknown>(...oddNumbers, null, true, [], {}),
);

/** Values that fit a schema. */
export function fitting(document: ApiDocument, given: Schema): Arbitrary<unknown> {
  const schema = document.resolve(given);
  if (typeof schema === "boolean") return json;
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((one: Schema) => fitting(document, one)));
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.const !== undefined) return fc.constant(schema.const);
  switch (schema.type) {
    case "object":
      return fittingObject(document, schema);
    case "array":
      return fc.array(fitting(document, schema.items ?? true), { maxLength: 3 });
    case "string":
      return fittingText(schema);
    case "integer":
      return fc.integer({ min: schema.minimum ?? -5, max: Math.min(schema.maximum ?? 1000, 1000) });
    case "number":
      return fc.double({ min: schema.minimum ?? -5, max: 1000, noNaN: true });
    case "boolean":
      return fc.boolean();
    case undefined:
      return json;
    default:
      throw new Error(`A schema of a kind that the fuzzer does not know: ${JSON.stringify(schema)}`);
  }
}

function fittingObject(document: ApiDocument, schema: Exclude<Schema, boolean>): Arbitrary<unknown> {
  const { properties = {}, required = [], additionalProperties } = schema;
  const fields = Object.entries<Schema>(properties).map(([name, field]) => [name, fitting(document, field)]);
  const known = fc.record(Object.fromEntries(fields), { requiredKeys: required, noNullPrototype: true });
  if (additionalProperties === false || fields.length > 0) return known;
  return fc.dictionary(fc.oneof(text, fc.constantFrom(...oddKeys)), json, { maxKeys: 3 });
}

function fittingText({ pattern, format }: Exclude<Schema, boolean>): Arbitrary<string> {
  if (pattern?.startsWith("^https?")) return fc.oneof({ weight: 4, arbitrary: nobody }, oddUrls);
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern));
  if (format === "uuid") return fc.uuid();
  return text;
}

/** What is done to a value so that it fits no longer, or only just. */
export interface Change {
  /** Which of its places, counted through the value. */
  place: number;
  kind: "replace" | "add" | "remove" | "nest";
  key: string;
  value: unknown;
}

export const change: Arbitrary<Change> = fc.record({
  place: fc.nat(8),
  kind: fc.constantFrom("replace", "add", "remove", "nest"),
  key: fc.constantFrom(...oddKeys),
  value: json,
});

export function changed(value: unknown, { place, kind, key, value: odd }: Change): unknown {
  const copy = { root: structuredClone(value) };
  const places = [...placesOf(copy)];
  const { holder, name } = places[place % places.length]!;
  const inner = holder[name];
  if (kind === "replace") holder[name] = odd;
  else if (kind === "remove" && name !== "root") delete holder[name];
  else if (kind === "nest") holder[name] = nested(inner, [150, 200, 3_000][place % 3]!);
  else if (typeof inner === "object" && inner !== null && !Array.isArray(inner))
    Object.defineProperty(inner, key, { value: odd, enumerable: true, configurable: true, writable: true });
  return copy.root;
}

interface Place {
  holder: Record<string, unknown>;
  name: string;
}

/** Every place of a value where something stands, from the outside in, two levels of lists and objects deep. */
function* placesOf(holder: object, depth = 0): Generator<Place> {
  for (const name of Object.keys(holder)) {
    yield { holder: holder as Record<string, unknown>, name };
    const inner = (holder as Record<string, unknown>)[name];
    if (depth < 2 && typeof inner === "object" && inner !== null) yield* placesOf(inner, depth + 1);
  }
}

function nested(value: unknown, depth: number): unknown {
  let inner = value;
  for (let i = 0; i < depth; i++) inner = i % 2 === 0 ? [inner] : { inner };
  return inner;
}
