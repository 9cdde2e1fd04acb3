/** The OpenAPI document that a server shows, as a judge of what the server answers. */
import type { ErrorObject, ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import type { RawAnswer } from "./http-line.ts";

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into everywhere
type Json = any;
export type Schema = boolean | { [keyword: string]: Json };

export interface Operation {
  /** Its `operationId`. */
  name: string;
  method: string;
  /** As the document writes it: `/sessions/{id}`. */
  path: string;
  /** By name; only those of the query. */
  query: Record<string, Schema>;
  body: Schema | undefined;
  isBodyRequired: boolean;
  responses: Record<string, Json>;
}

/** What stands before every route may say these, whatever the document lists for the route. */
const saidAnywhere: Record<string, number> = {
  token_missing: 401,
  token_invalid: 401,
  host_forbidden: 403,
  origin_forbidden: 403,
  route_not_found: 404,
  method_not_allowed: 405,
  unsupported_media_type: 415,
  connection_limit_reached: 503,
};

/** Headers that an answer must have where the document lists them; the others depend on the request. */
const promisedHeaders = ["Location", "Allow", "Accept", "Retry-After", "WWW-Authenticate"];

export class ApiDocument {
  readonly operations: Operation[];
  readonly #document: Json;
  readonly #ajv = new Ajv2020({ strict: false, allErrors: false });
  readonly #validators = new Map<Schema, ValidateFunction>();

  constructor(document: Json) {
    this.#document = document;
    addFormats.default(this.#ajv);
    this.#ajv.addSchema(document, "api");
    this.operations = Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
      Object.entries<Json>(methods).map(([method, operation]) => this.#operation(method, path, operation)),
    );
  }

  /** Follows a reference. */
  resolve<T>(value: T): T {
    const reference = (value as Json)?.$ref;
    if (typeof reference !== "string") return value;
    return this.resolve(
      reference
        .slice(2)
        .split("/")
        .reduce((inner, key) => inner[key], this.#document),
    );
  }

  /** Why a value does not fit a schema; undefined when it does. */
  misfit(schema: Schema, value: unknown): string | undefined {
    let validate = this.#validators.get(schema);
    if (validate === undefined) {
      validate = this.#ajv.compile(withBase(schema) as object);
      this.#validators.set(schema, validate);
    }
    return validate(value) ? undefined : explain(validate.errors ?? []);
  }

  /** The names of the fields of an object that may be left out. */
  optionalFields(given: Schema): string[] {
    const { properties, required = [] } = this.resolve(given) as Exclude<Schema, boolean>;
    return Object.keys(properties).filter((name) => !required.includes(name));
  }

  /** The operation that takes a path, if there is one. HEAD is what GET is. */
  find(method: string, path: string): Operation | undefined {
    const sought = method === "HEAD" ? "GET" : method;
    const parts = path.replace(/\/$/, "").split("/");
    return this.operations.find((operation) => {
      const pattern = operation.path.split("/");
      const fits = (part: string, index: number) =>
        part.startsWith("{") ? parts[index] !== "" : part === parts[index];
      return operation.method === sought && pattern.length === parts.length && pattern.every(fits);
    });
  }

  /** What is wrong with an answer; undefined when the document allows it. */
  fault(operation: Operation | undefined, method: string, answer: RawAnswer): string | undefined {
    const { status, headers } = answer;
    if (status >= 500 && status !== 503) return "a failure of the server";
    const listed = this.resolve(operation?.responses[status]);
    if (status < 400 && listed === undefined) return "a status that the document does not list";
    for (const name of promisedHeaders)
      if (listed?.headers?.[name] !== undefined && !headers.has(name)) return `no ${name}`;
    if (method === "HEAD") return answer.text === "" ? undefined : "a body";
    if (status >= 400) return this.#problemFault(listed, answer);
    return this.#contentFault(listed, answer);
  }

  #problemFault(listed: Json, answer: RawAnswer): string | undefined {
    if (answer.status === 401 && answer.headers.get("content-type")?.startsWith("text/html"))
      return undefined;
    const content = this.#contentFault(this.#document.components.responses.Problem, answer);
    if (content !== undefined) return content;
    const problem = JSON.parse(answer.text);
    if (problem.status !== answer.status) return "a problem of another status";
    if (saidAnywhere[problem.code] === answer.status) return undefined;
    const described = listed?.content["application/problem+json"];
    const codes = Object.keys(described?.examples ?? {});
    if (codes.includes(problem.code) || listed?.description.includes(`\`${problem.code}\``)) return undefined;
    return `a code that the document does not list for ${answer.status}: ${problem.code}`;
  }

  #contentFault(listed: Json, { headers, text }: RawAnswer): string | undefined {
    const type = headers.get("content-type")?.split(";")[0];
    if (listed.content === undefined)
      return text === "" ? undefined : "a body that the document does not list";
    const described = listed.content[type ?? ""];
    if (described === undefined) return `a content type that the document does not list: ${type}`;
    const values = type === "text/event-stream" ? eventsOf(text) : [JSON.parse(text)];
    for (const value of values) {
      const misfit = this.misfit(described.schema, value);
      if (misfit !== undefined) return `a body that does not fit: ${misfit}`;
    }
    return undefined;
  }

  #operation(method: string, path: string, described: Json): Operation {
    const { operationId, parameters = [], requestBody, responses } = described;
    const query = parameters
      .map((parameter: Json) => this.resolve(parameter))
      .filter((parameter: Json) => parameter.in === "query");
    return {
      name: operationId,
      method: method.toUpperCase(),
      path,
      query: Object.fromEntries(query.map(({ name, schema }: Json) => [name, schema])),
      body: requestBody?.content["application/json"].schema,
      isBodyRequired: requestBody?.required === true,
      responses,
    };
  }
}

/** What a stream of events has brought so far, as far as it is whole. */
function eventsOf(text: string): unknown[] {
  return [...text.matchAll(/^data: (.*)\n\n/gm)].map(([, data]) => JSON.parse(data ?? ""));
}

/** References lead into the document. */
function withBase(schema: Schema): Schema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"$ref":"#/', '"$ref":"api#/'));
}

function explain(errors: ErrorObject[]): string {
  return errors.map(({ instancePath, message }) => `${instancePath || "/"} ${message}`).join("; ");
}
