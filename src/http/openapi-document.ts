/** Makes valid OpenAPI 3.1 of what the swagger plugin writes. */

interface Schema {
  $id?: string;
  anyOf?: Schema[];
  type?: string;
  format?: string;
  [keyword: string]: unknown;
}
interface Content {
  [mediaType: string]: { schema?: Schema };
}
interface Answer {
  description?: string;
  headers?: unknown;
  content?: Content;
}
interface Operation {
  parameters?: { schema?: Schema }[];
  requestBody?: { content: Content };
  responses?: Record<string, Answer>;
}
export interface OpenApiDocument {
  paths: Record<string, Record<string, Operation>>;
  components?: { schemas?: Record<string, Schema> };
}

export function tidyDocument(written: OpenApiDocument): OpenApiDocument {
  const document: OpenApiDocument = JSON.parse(JSON.stringify(written));
  const schemas = document.components?.schemas ?? {};
  for (const schema of Object.values(schemas)) delete schema.$id;
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations)) tidyOperation(operation, schemas);
  }
  const names = new Map(Object.entries(schemas).map(([name, schema]) => [JSON.stringify(schema), name]));
  for (const schema of Object.values(schemas)) {
    for (const key of Object.keys(schema)) schema[key] = withReferences(schema[key], names);
  }
  document.paths = withReferences(document.paths, names) as OpenApiDocument["paths"];
  return document;
}

function tidyOperation(operation: Operation, schemas: Record<string, Schema>): void {
  const responses = operation.responses ?? {};
  for (const [status, { description, headers, content }] of Object.entries(responses)) {
    const type = Number(status) >= 400 ? "application/problem+json" : "application/json";
    // The plugin lists every body under three media types, and a body for answers that have none.
    const schema = content?.["application/json"]?.schema;
    const isEmpty = schema === undefined || (schema.type as string) === "void";
    responses[status] = {
      description: description ?? describeAnswer(schema, schemas) ?? `Status ${status}`,
      ...(headers !== undefined && { headers }),
      ...(!isEmpty && { content: { [type]: { schema } } }),
    } as Answer;
  }
  const body = operation.requestBody?.content["application/json"];
  if (operation.requestBody !== undefined && body !== undefined)
    operation.requestBody.content = { "application/json": body };
  for (const parameter of operation.parameters ?? []) {
    // A query parameter is text that Elysia turns into a number or a boolean: say the latter.
    const choices = parameter.schema?.anyOf;
    const [text, value] = choices ?? [];
    if (choices?.length === 2 && text?.type === "string" && value !== undefined && value.type !== "string") {
      parameter.schema = { ...parameter.schema, ...value };
      delete parameter.schema.anyOf;
    }
  }
}

function describeAnswer(schema: Schema | undefined, schemas: Record<string, Schema>): string | undefined {
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
