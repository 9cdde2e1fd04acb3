import { fileURLToPath } from "node:url";
import { AgentServer, type AgentServerOptions, type SessionView } from "motus-serve";

const fixtures = fileURLToPath(new URL("../fixtures/agents/", import.meta.url));

export interface Answer {
  status: number;
  headers: Headers;
  /** The body, parsed when it is JSON; undefined when there is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape
  body: any;
}

export interface TestServer extends AsyncDisposable {
  url: string;
  server: AgentServer;
  /** What kind of agent it serves. */
  kind: string;
  /** Sends a request; a body that is no string is sent as JSON. */
  request(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  createSession(body?: unknown): Promise<string>;
  /** One whole turn: sends a message and waits for its end. */
  turn(sessionId: string, content: string): Promise<SessionView>;
}

/** A real server on 127.0.0.1 and a free port, for one of the agents in test/fixtures/agents. */
export async function startServer(agent: string, options: AgentServerOptions = {}): Promise<TestServer> {
  const server = new AgentServer(agent, {
    port: 0,
    folder: fixtures,
    standby: 0,
    compile: false,
    ...options,
  });
  const { url, agent: kind } = await server.listen();

  const request: TestServer["request"] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      method,
      ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
      headers: { ...(body !== undefined && { "content-type": "application/json" }), ...headers },
    });
    const text = await response.text();
    const isJson = response.headers.get("content-type")?.includes("json") === true;
    return {
      status: response.status,
      headers: response.headers,
      body: text === "" ? undefined : isJson ? JSON.parse(text) : text,
    };
  };
  const createSession = async (body?: unknown) => (await request("POST", "/sessions", body)).body.session_id;
  const turn = async (sessionId: string, content: string) => {
    const sent = await request("POST", `/sessions/${sessionId}/messages`, { content });
    if (sent.status !== 202) throw new Error(`The message was answered with ${sent.status}`);
    return (await request("GET", `/sessions/${sessionId}?wait=true`)).body;
  };
  return {
    url,
    server,
    kind,
    request,
    createSession,
    turn,
    [Symbol.asyncDispose]: () => server.stop({ now: true }),
  };
}
