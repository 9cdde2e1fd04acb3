import type { SessionView } from "motus-serve";
import type { TestServer } from "../helpers/start-server.ts";

/** Sends a message and returns the turn's id. */
export async function say(server: TestServer, sessionId: string, content: string): Promise<string> {
  const { status, body } = await server.request("POST", `/sessions/${sessionId}/messages`, { content });
  if (status !== 202) throw new Error(`The message was answered with ${status}: ${JSON.stringify(body)}`);
  return body.turn_id;
}

/** The session as it is. */
export async function statusOf(server: TestServer, sessionId: string): Promise<SessionView> {
  return (await server.request("GET", `/sessions/${sessionId}`)).body;
}
