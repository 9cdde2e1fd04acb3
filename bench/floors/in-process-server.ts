/** Floor (a): the routes of a turn, with the agent called in the server's own process. */
import { Elysia, status, t } from "elysia";
import type { ChatMessage } from "motus-serve";
import { agent } from "../echo-agent.ts";

interface Session {
  session_id: string;
  status: "idle" | "running";
  response: ChatMessage | null;
}

const sessions = new Map<string, { view: Session; state: ChatMessage[]; turn: Promise<void> }>();

async function runTurn(id: string, message: ChatMessage): Promise<void> {
  const session = sessions.get(id)!;
  const [response, state] = await agent(message, session.state);
  session.state = state;
  session.view = { session_id: id, status: "idle", response };
}

const app = new Elysia()
  .post("/sessions", () => {
    const view: Session = { session_id: crypto.randomUUID(), status: "idle", response: null };
    sessions.set(view.session_id, { view, state: [], turn: Promise.resolve() });
    return status(201, view);
  })
  .post(
    "/sessions/:id/messages",
    ({ params: { id }, body }) => {
      const session = sessions.get(id);
      if (session === undefined) return status(404, "Session not found");
      if (session.view.status === "running") return status(409, "Session is running");
      session.view = { session_id: id, status: "running", response: null };
      session.turn = runTurn(id, { role: "user", content: body.content });
      return status(202, { session_id: id, status: "running", turn_id: crypto.randomUUID() });
    },
    { body: t.Object({ content: t.String() }) },
  )
  .get(
    "/sessions/:id",
    async ({ params: { id }, query }) => {
      const session = sessions.get(id);
      if (session === undefined) return status(404, "Session not found");
      if (query.wait === true) await session.turn;
      return session.view;
    },
    { query: t.Object({ wait: t.Optional(t.Boolean()) }) },
  )
  .listen({ hostname: "127.0.0.1", port: 0 });

console.log(`http://127.0.0.1:${app.server?.port}`);
