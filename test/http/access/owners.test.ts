/** Sessions belong to the `sub` that made them: for everybody else they are not there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createGate } from "../../helpers/gate.ts";
import { audience, type Issuer, issuerName, startIssuer } from "../../helpers/issuer.ts";
import { type Answer, startServer, type TestServer } from "../../helpers/start-server.ts";
import { until } from "../../helpers/until.ts";

type Headers = { authorization: string };

let issuer: Issuer;
let server: TestServer;
let ada: Headers;
let bob: Headers;
const operator: Headers = { authorization: "Bearer operator" };

beforeAll(async () => {
  issuer = await startIssuer();
  const jwt = { jwtJwks: issuer.url, jwtIssuer: issuerName, jwtAudience: audience };
  server = await startServer("live.ts:agent", { ...jwt, tokens: ["operator"], allowCustomIds: true });
  ada = { authorization: `Bearer ${await issuer.token("ada")}` };
  bob = { authorization: `Bearer ${await issuer.token("bob")}` };
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await issuer[Symbol.asyncDispose]();
});

const create = async (who: Headers): Promise<string> =>
  (await server.request("POST", "/sessions", { metadata: { of: who === ada ? "ada" : "other" } }, who)).body
    .session_id;
const send = (who: Headers, id: string, content: string) =>
  server.request("POST", `/sessions/${id}/messages`, { content }, who);
const ids = async (who: Headers, query = ""): Promise<string[]> =>
  (await server.request("GET", `/sessions${query}`, undefined, who)).body.map(
    ({ session_id }: { session_id: string }) => session_id,
  );

/** A request that fits each route of one session. */
function bodyFor(path: string): unknown {
  if (path.endsWith("/messages")) return { content: "nothing" };
  if (path.endsWith("/resume")) return { interrupt_id: "x", value: 1 };
  return path === "/sessions/:id" ? { metadata: {} } : undefined;
}

describe("a session of another owner", () => {
  test("answers on every route as one that is not there", async () => {
    const id = await create(ada);
    const sent = await send(ada, id, "write");
    expect(sent.status).toBe(202);
    const session = (await server.request("GET", `/sessions/${id}?wait=true`, undefined, ada)).body;
    const routes = server.server.app.routes.filter(
      ({ path, method }) => path.startsWith("/sessions/:id") && method !== "PUT",
    );
    expect(routes.length).toBeGreaterThanOrEqual(11);
    const ask = (method: string, path: string, sessionId: string, who: Headers): Promise<Answer> => {
      const real = path.replace(":id", sessionId).replace(":turn_id", session.turn.turn_id);
      const hasBody = method !== "GET" && method !== "DELETE";
      return server.request(method, real, hasBody ? bodyFor(path) : undefined, who);
    };
    for (const { method, path } of routes) {
      const name = `${method} ${path}`;
      const [theirs, none] = [
        await ask(method, path, id, bob),
        await ask(method, path, crypto.randomUUID(), bob),
      ];
      expect([name, theirs.status, theirs.body]).toEqual([name, 404, none.body]);
      expect(theirs.body.code).toBe("session_not_found");
    }
    for (const path of [`/sessions/${id}?wait=true`, `/sessions/${id}/events?after=1`]) {
      expect((await server.request("GET", path, undefined, bob)).status).toBe(404);
    }
    const streamed = { ...bob, accept: "text/event-stream" };
    const body = { content: "x" };
    expect((await server.request("POST", `/sessions/${id}/messages`, body, streamed)).status).toBe(404);
    expect((await server.request("GET", `/sessions/${id}`, undefined, ada)).body).toEqual(session);
    expect((await server.request("GET", `/sessions/${id}/turns`, undefined, ada)).body).toHaveLength(1);
  });

  test("cannot be told from none while its turn runs or asks", async () => {
    await using gate = createGate();
    const [running, asking] = [await create(ada), await create(ada)];
    await send(ada, running, `write ${gate.url}`);
    await send(ada, asking, "ask a.txt");
    await gate.arrivals(1);
    const status = async () =>
      (await server.request("GET", `/sessions/${asking}`, undefined, ada)).body.status;
    await until("it asks", async () => (await status()) === "interrupted");
    for (const id of [running, asking]) {
      expect((await send(bob, id, "x")).status).toBe(404);
      expect((await server.request("POST", `/sessions/${id}/cancel`, undefined, bob)).status).toBe(404);
      expect((await server.request("GET", `/sessions/${id}?wait=true`, undefined, bob)).status).toBe(404);
    }
    const interrupt = (await server.request("GET", `/sessions/${asking}`, undefined, ada)).body.interrupts[0];
    const answer = { interrupt_id: interrupt.interrupt_id, value: { approved: true } };
    expect((await server.request("POST", `/sessions/${asking}/resume`, answer, bob)).status).toBe(404);
    expect((await server.request("POST", `/sessions/${asking}/resume`, answer, ada)).status).toBe(200);
    gate.open();
    for (const id of [running, asking]) {
      const { body } = await server.request("GET", `/sessions/${id}?wait=true`, undefined, ada);
      expect([id, body.status]).toEqual([id, "idle"]);
    }
  });

  test("is in no list, on no page, and makes no page shorter", async () => {
    await using own = await startServer("echo.ts:agent", {
      jwtJwks: issuer.url,
      jwtIssuer: issuerName,
      jwtAudience: audience,
      tokens: ["operator"],
    });
    const make = async (who: Headers) =>
      (await own.request("POST", "/sessions", {}, who)).body.session_id as string;
    const made: string[] = [];
    for (const who of [ada, bob, operator, ada, bob, bob, ada]) made.push(await make(who));
    const page = async (who: Headers, query: string) => {
      const { body, headers } = await own.request("GET", `/sessions${query}`, undefined, who);
      const next = headers.get("link")?.match(/<\/sessions(\?[^>]*)>/)?.[1];
      return { ids: body.map(({ session_id }: { session_id: string }) => session_id), next };
    };
    expect((await page(ada, "")).ids).toEqual([made[0], made[3], made[6]]);
    expect((await page(operator, "")).ids).toEqual(made);
    const first = await page(ada, "?limit=2");
    expect(first.ids).toEqual([made[0], made[3]]);
    expect(await page(ada, first.next as string)).toEqual({ ids: [made[6]], next: undefined });
    expect((await page(ada, "?status=running")).ids).toEqual([]);
  });

  test("is there for the tokens of the server, whose own are nobody else's", async () => {
    const [hers, ours] = [await create(ada), await create(operator)];
    expect((await server.request("GET", `/sessions/${hers}`, undefined, operator)).status).toBe(200);
    expect((await send(operator, hers, "nothing")).status).toBe(202);
    expect((await server.request("GET", `/sessions/${ours}`, undefined, ada)).status).toBe(404);
    expect(await ids(ada)).not.toContain(ours);
    expect(await ids(operator)).toContain(hers);
  });

  test("keeps its id: it is taken for others, and it stays its owner's after new tokens", async () => {
    const id = crypto.randomUUID();
    expect((await server.request("PUT", `/sessions/${id}`, {}, ada)).status).toBe(201);
    expect((await server.request("PUT", `/sessions/${id}`, {}, bob)).status).toBe(409);
    const renewed = { authorization: `Bearer ${await issuer.token("ada", { jti: "2" })}` };
    expect((await server.request("GET", `/sessions/${id}`, undefined, renewed)).status).toBe(200);
    expect((await server.request("DELETE", `/sessions/${id}`, undefined, bob)).status).toBe(404);
    expect((await server.request("DELETE", `/sessions/${id}`, undefined, ada)).status).toBe(204);
  });
});

describe("a reader whose session was deleted", () => {
  /** Ada's session is replaced by one that bob makes under the same id. */
  const replace = async (id: string) => {
    expect((await server.request("DELETE", `/sessions/${id}`, undefined, ada)).status).toBe(204);
    expect((await server.request("PUT", `/sessions/${id}`, { metadata: { of: "bob" } }, bob)).status).toBe(
      201,
    );
  };

  test("gets no answer of it from a wait", async () => {
    await using gate = createGate();
    const id = crypto.randomUUID();
    await server.request("PUT", `/sessions/${id}`, {}, ada);
    await send(ada, id, `write ${gate.url}`);
    await gate.arrivals(1);
    const waiting = server.request("GET", `/sessions/${id}?wait=true`, undefined, ada);
    const [answer] = await Promise.all([waiting, replace(id)]);
    expect([answer.status, answer.body.code]).toEqual([404, "session_not_found"]);
    gate.open();
  });
});
