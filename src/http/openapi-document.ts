/** Makes valid OpenAPI 3.1 of what the swagger plugin writes, in words that client generators know. */
import { OptionalKind } from "@sinclair/typebox";

interface Schema {
  anyOf?: Schema[];
  type?: unknown;
  examples?: unknown[];
  [keyword: string]: unknown;
}
type Content = Record<string, { schema?: Schema; examples?: unknown }>;
interface Answer {
  description?: string;
  headers?: Record<string, unknown>;
  content?: Content;
  /** What `problems()` knows about the errors with this status. */
  "x-problems"?: Record<string, unknown>;
  /** `streamedEvents()` says that the answer is a stream. */
  "x-events"?: boolean;
}
export interface Reference {
  $ref: string;
}
interface Parameter {
  description?: string;
  examples?: unknown[];
  schema: Schema;
}
interface Operation {
  parameters?: (Parameter | Reference)[];
  /** Empty where no token is needed, whatever the rest of the server needs. */
  security?: unknown[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, Answer | Reference>;
}
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** The headers that every answer with a status carries; docs.ts describes them. */
const headersByStatus: Record<string, string[]> = {
  201: ["Location"],
  202: ["Location"],
  405: ["Allow"],
  415: ["Accept"],
  503: ["Retry-After"],
};

/** What every answer to a POST that did something carries when it is given again. */
const replayHeaders = ["Idempotent-Replayed"];

/** @param examples One value for each model that has no example of its own, by the model's name. */
export function tidyDocument(written: object, examples: Record<string, unknown>): OpenApiDocument {
  const text = JSON.stringify(written, markOptionalBody);
  const document: OpenApiDocument = JSON.parse(text, plainKeyword);
  const { schemas } = document.components;
  for (const operations of Object.values(document.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      tidyOperation(operation, schemas);
      if (method === "post") takeIdempotencyKey(operation);
    }
  }
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [JSON.stringify(schema), name]));
  for (const [name, schema] of Object.entries(schemas)) {
    for (const key of Object.keys(schema)) schema[key] = withReferences(schema[key], names);
    if (name in examples) schema.examples ??= [examples[name]];
  }
  document.paths = withReferences(document.paths, names) as OpenApiDocument["paths"];
  return document;
}

/** The plugin calls every body required; only TypeBox's own mark, which JSON loses, tells otherwise. */
function markOptionalBody(key: string, value: unknown): unknown {
  if (key !== "requestBody") return value;
  const body = value as NonNullable<Operation["requestBody"]>;
  const schema = body.content["application/json"]?.schema;
  return { ...body, required: schema === undefined || !(OptionalKind in schema) };
}

/** Says in common keywords what TypeBox says in rare ones. */
function plainKeyword(key: string, value: unknown): unknown {
  if (key === "$id") return undefined;
  if (typeof value !== "object" || value === null) return value;
  const { anyOf, patternProperties, ...rest } = value as Schema;
  if (anyOf?.every((choice) => typeof choice.const === "string"))
    return { ...rest, type: "string", enum: anyOf.map((choice) => choice.const) };
  if (
    anyOf?.length === 2 &&
    anyOf[1]?.type === "null" &&
    /string|number|integer/.test(String(anyOf[0]?.type))
  )
    return { ...anyOf[0], ...rest, type: [anyOf[0]?.type, "null"] };
  if (patternProperties !== undefined) return { ...rest, additionalProperties: true };
  return value;
}

function tidyOperation(operation: Operation, schemas: Record<string, Schema>): void {
  const { parameters = [] } = operation;
  delete operation.parameters;
  if (parameters.length > 0)
    operation.parameters = parameters.map((written) => tidyParameter(written as Parameter));
  // The plugin lists every body under three media types.
  const body = operation.requestBody?.content["application/json"];
  if (operation.requestBody !== undefined && body !== undefined)
    operation.requestBody.content = { "application/json": body };
  for (const [status, answer] of Object.entries(operation.responses)) {
    operation.responses[status] = tidyAnswer(status, answer as Answer, schemas);
  }
  if (operation.security?.length !== 0) {
    operation.responses[401] = { $ref: "#/components/responses/Unauthorized" };
    operation.responses[429] = { $ref: "#/components/responses/TooManyRequests" };
  }
  operation.responses.default = { $ref: "#/components/responses/Problem" };
}

function takeIdempotencyKey(operation: Operation): void {
  const parameter = { $ref: "#/components/parameters/IdempotencyKey" };
  operation.parameters = [...(operation.parameters ?? []), parameter];
  for (const [status, answer] of Object.entries(operation.responses)) {
    if (!status.startsWith("2")) continue;
    const { headers } = answer as Answer;
    operation.responses[status] = { ...answer, headers: { ...headers, ...references(replayHeaders) } };
  }
}

function tidyParameter({ examples, schema, ...parameter }: Parameter): Parameter {
  // A query parameter is text that Elysia turns into a number or a boolean: say the latter.
  const { anyOf: [text, value] = [], description = parameter.description, ...plain } = schema;
  const type = text?.type === "string" && value !== undefined ? value : {};
  delete type.description;
  return {
    ...parameter,
    ...(description !== undefined && { description: description as string }),
    schema: { ...plain, ...type, ...(examples !== undefined && { examples }) },
  };
}

function tidyAnswer(status: string, answer: Answer, schemas: Record<string, Schema>): Answer {
  const { "x-problems": problems, "x-events": isStream, description, content } = answer;
  const headers = { ...answer.headers, ...references(headersByStatus[status] ?? []) };
  const schema = content?.["application/json"]?.schema;
  const tidy: Answer = {
    description: description ?? describe(schema, schemas) ?? `Status ${status}`,
    ...(Object.keys(headers).length > 0 && { headers }),
  };
  if (isStream) {
    tidy.content = { "text/event-stream": { schema: { $ref: "#/components/schemas/SessionEvent" } } };
  } else if (problems !== undefined) {
    const problem = { $ref: "#/components/schemas/Problem" };
    tidy.content = { "application/problem+json": { schema: problem, examples: problems } };
  } else if (schema !== undefined && schema.type !== "void") {
    tidy.content = { "application/json": { schema } };
  }
  return tidy;
}

/** References to headers of components. */
export function references(headers: string[]): Record<string, Reference> {
  return Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function describe(schema: Schema | undefined, schemas: Record<string, Schema>): string | undefined {
  const name = typeof schema?.$ref === "string" ? schema.$ref.split("/").at(-1) : undefined;
  const described = name === undefined ? schema : schemas[name];
  return typeof described?.description === "string" ? described.description : name;
}

/** Puts a reference wherever a named schema stands written out. */
function withReferences(value: unknown, names: Map<string, string>): unknown {
  if (typeof value !== "object" || value === null) return value;
  const name = names.get(JSON.stringify(value));
  if (name !== undefined) return { $ref: `#/components/schemas/${name}` };
  if (Array.isArray(value)) return value.map((item) => withReferences(item, names));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withReferences(item, names)]));
}
