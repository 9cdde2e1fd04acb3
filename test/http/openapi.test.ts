import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import type { TSchema } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { models } from "../../src/http/models.ts";
import { version } from "../../src/version.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into everywhere
type Json = any;

/** Every model by its name; Elysia's type keeps them to itself. */
const schemas = (models as unknown as { definitions: { type: Record<string, TSchema> } }).definitions.type;

let server: TestServer;
let document: Json;

beforeAll(async () => {
  server = await startServer("echo.ts:agent");
  document = (await server.request("GET", "/swagger/json")).body;
});
afterAll(() => server[Symbol.asyncDispose]());

/** Every route that is not hidden, as Elysia knows it. */
function routes() {
  return server.server.app.routes.filter(({ hooks }) => hooks.detail?.hide !== true);
}

function operations(): { name: string; operation: Json }[] {
  return Object.entries<Json>(document.paths).flatMap(([path, methods]) =>
    Object.entries<Json>(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      operation,
    })),
  );
}

/** Every value of a document that is an object, itself included. */
function* objects(value: Json): Generator<Json> {
  if (typeof value !== "object" || value === null) return;
  yield value;
  for (const item of Object.values(value)) yield* objects(item);
}

function resolve(reference: string): Json {
  const keys = reference.replace(/^#\//, "").split("/");
  return keys.reduce((value, key) => value?.[key], document);
}

describe("the OpenAPI document", () => {
  test("is valid OpenAPI 3.1", async () => {
    expect(document.openapi).toBe("3.1.0");
    const result = await new Validator().validate(structuredClone(document));
    expect(result.errors ?? []).toEqual([]);
    expect(result.valid).toBe(true);
  });

  test("says what it describes, where it is and under which license", () => {
    expect(document.info).toMatchObject({ title: "motus", version, license: { name: "Apache-2.0" } });
    expect(new URL(document.servers[0].url, `${server.url}/swagger/json`).href).toBe(`${server.url}/`);
  });

  test("lists exactly the routes of the application", () => {
    const real = routes().map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    expect(
      operations()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(real.sort());
    const hidden = server.server.app.routes.filter((route) => !routes().includes(route));
    expect(hidden.every(({ path }) => path.startsWith("/swagger"))).toBe(true);
  });

  test("lists exactly the statuses that each route declares, what the door says, and any other error", () => {
    for (const { method, path, hooks } of routes()) {
      const operation = document.paths[path.replace(/:(\w+)/g, "{$1}")][method.toLowerCase()];
      const declared = hooks.detail?.responses ?? hooks.response;
      const name = `${method} ${path}`;
      const atTheDoor = path === "/health" ? [] : ["401", "429"];
      expect([name, ...Object.keys(operation.responses).sort()]).toEqual([
        name,
        ...[...Object.keys(declared), ...atTheDoor, "default"].sort(),
      ]);
    }
  });

  test("shows what the door says as it says it", async () => {
    await using guarded = await startServer("echo.ts:agent", { tokens: ["t"], rateLimit: 0.01 });
    const { Unauthorized, TooManyRequests } = document.components.responses;
    for (const [{ content, headers }, status] of [
      [Unauthorized, 401],
      [TooManyRequests, 429],
    ] as const) {
      const ask = async () => guarded.request("GET", "/sessions");
      let answer = await ask();
      for (let i = 0; i < 5 && answer.status !== status; i++) answer = await ask();
      const { example } = content["application/problem+json"];
      expectToFit("Problem", example);
      expect({ ...answer.body, detail: "" }).toEqual({ ...example, detail: "" });
      for (const header of Object.keys(headers))
        expect([header, answer.headers.has(header)]).toEqual([header, true]);
    }
  });

  test("offers an Idempotency-Key with every POST, and with nothing else", () => {
    for (const { name, operation } of operations()) {
      const keys = (operation.parameters ?? []).filter(
        ({ $ref }: { $ref?: string }) => $ref === "#/components/parameters/IdempotencyKey",
      );
      expect([name, keys.length]).toEqual([name, name.startsWith("POST") ? 1 : 0]);
      if (!name.startsWith("POST")) continue;
      const codes = (status: number) =>
        Object.keys(operation.responses[status].content["application/problem+json"].examples);
      expect(codes(409)).toContain("idempotency_in_progress");
      expect(codes(422)).toContain("idempotency_key_reused");
    }
  });

  test("has a summary, a tag and an operationId of its own for every operation", () => {
    const tags = document.tags.map((tag: Json) => tag.name);
    for (const { name, operation } of operations()) {
      expect([name, operation.summary]).toEqual([name, expect.stringMatching(/\w/)]);
      expect(tags).toContain(operation.tags[0]);
    }
    const ids = operations().map(({ operation }) => operation.operationId);
    expect(ids.every((id) => /^[a-z][A-Za-z]+$/.test(id))).toBe(true);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("describes every answer, every body in one media type alone but for the page that asks for a token", () => {
    for (const { name, operation } of operations()) {
      for (const [status, answer] of Object.entries<Json>(operation.responses)) {
        const { description, content } = answer.$ref ? resolve(answer.$ref) : answer;
        const where = `${name} ${status}`;
        expect([where, description]).toEqual([where, expect.stringMatching(/\w{4}/)]);
        const isStream = content?.["text/event-stream"] !== undefined;
        if (isStream) expect(content["text/event-stream"].schema.$ref).toEndWith("/SessionEvent");
        if (isStream) continue;
        const type =
          status === "default" || Number(status) >= 400 ? "application/problem+json" : "application/json";
        const types = status === "204" ? [] : status === "401" ? [type, "text/html"] : [type];
        expect([where, Object.keys(content ?? {})]).toEqual([where, types]);
      }
    }
  });

  test("has no reference that leads nowhere, and a component for every model", () => {
    for (const { $ref } of objects(document)) {
      if ($ref !== undefined) expect([$ref, resolve($ref)]).toEqual([$ref, expect.any(Object)]);
    }
    expect(Object.keys(document.components.schemas).sort()).toEqual(Object.keys(schemas).sort());
    // A model that is written out again where it is used would carry its description there.
    const { Session, SendMessage, ChatMessage } = document.components.schemas;
    expect(Session.properties.turn.anyOf[0]).toEqual({ $ref: "#/components/schemas/Receipt" });
    expect(SendMessage.properties.webhook).toEqual({ $ref: "#/components/schemas/Webhook" });
    expect(ChatMessage.properties.role).toEqual({ $ref: "#/components/schemas/Role" });
  });

  test("says which bodies may be left out", () => {
    const required = operations().flatMap(({ operation }) =>
      operation.requestBody ? [[operation.operationId, operation.requestBody.required]] : [],
    );
    expect(Object.fromEntries(required)).toEqual({
      createSession: false,
      createSessionWithId: false,
      updateSession: true,
      resumeTurn: true,
      sendMessage: true,
    });
  });

  test("gives every model an example, and every example fits its model", () => {
    for (const [name, schema] of Object.entries<Json>(document.components.schemas)) {
      if (schema.enum !== undefined || name === "Problem") continue; // A problem's examples stand at its answers.
      expect([name, schema.examples]).toEqual([name, [expect.any(Object)]]);
      expectToFit(name, schema.examples[0]);
    }
    for (const { name, operation } of operations()) {
      for (const [status, { content }] of Object.entries<Json>(operation.responses)) {
        const examples = content?.["application/problem+json"]?.examples ?? {};
        for (const [code, { value }] of Object.entries<Json>(examples)) {
          expectToFit("Problem", value);
          expect([name, value.status, value.code]).toEqual([name, Number(status), code]);
        }
      }
    }
  });

  test("shows errors as the server answers them", async () => {
    const { session_id: id } = (await server.request("POST", "/sessions")).body;
    const origin = { origin: "https://app.example.com" };
    const text = { "content-type": "text/plain" };
    const answers = {
      "GET /sessions/{id}": await server.request("GET", "/sessions/none"),
      "PUT /sessions/{id}": await server.request("PUT", `/sessions/${id}`),
      "POST /sessions": await server.request("POST", "/sessions", { topic: "travel" }),
      "PATCH /sessions/{id}": await server.request("PATCH", `/sessions/${id}`, "{}", text),
      "DELETE /sessions/{id}": await server.request("DELETE", `/sessions/${id}`, undefined, origin),
      "POST /sessions/{id}/messages": await server.request("POST", `/sessions/${id}/messages`, "{"),
    };
    for (const [name, { status, body }] of Object.entries(answers)) {
      const { operation } = operations().find((one) => one.name === name)!;
      const { examples } = operation.responses[status].content["application/problem+json"];
      expect([name, body]).toEqual([name, examples[body.code].value]);
    }
  });

  test("names the headers that the answers carry", async () => {
    const created = await server.request("POST", "/sessions");
    const id = created.body.session_id;
    const answers = {
      "POST /sessions": created,
      "GET /sessions": await server.request("GET", "/sessions?limit=1&after=0"),
      "PUT /sessions/{id}": await server.request("PUT", `/sessions/${id}`),
      "GET /sessions/{id}": await server.request("GET", "/sessions/none"),
      "PATCH /sessions/{id}": await server.request("PATCH", `/sessions/${id}`, "{}", {
        "content-type": "text/plain",
      }),
      "POST /sessions/{id}/messages": await server.request("POST", `/sessions/${id}/messages`, {
        content: "Hi",
      }),
    };
    for (const [name, answer] of Object.entries(answers)) {
      const { operation } = operations().find((one) => one.name === name)!;
      const documented = Object.keys(operation.responses[answer.status].headers ?? {});
      for (const header of ["Location", "Allow", "Accept", "Retry-After"]) {
        expect([name, header, documented.includes(header)]).toEqual([
          name,
          header,
          answer.headers.has(header),
        ]);
      }
    }
    expect(answers["PUT /sessions/{id}"].status).toBe(405);
    expect(Object.keys(document.paths["/sessions"].get.responses[200].headers)).toEqual(["Link"]);
  });
});

function expectToFit(model: string, value: unknown): void {
  const schema = schemas[model]!;
  expect([model, ...Value.Errors(schema, value)]).toEqual([model]);
}
