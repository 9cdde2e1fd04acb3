/** The floor of streaming.ts: the same agent and events as long, streamed from an Elysia handler in the server's own process. */
import { Elysia, sse, t } from "elysia";
import { agent } from "../streaming-agent.ts";

const app = new Elysia()
  .post("/sessions", () => ({ session_id: crypto.randomUUID() }))
  .post(
    "/sessions/:id/messages",
    async function* ({ body, params: { id: session_id } }) {
      const turn = agent({ role: "user", content: body.content }, []);
      const turn_id = crypto.randomUUID();
      let id = 0;
      for await (const event of turn) {
        yield sse({ id: ++id, event: event.type, data: { seq: id, session_id, turn_id, ...event } });
      }
      yield sse({ id: ++id, event: "turn-end", data: { type: "turn-end" } });
    },
    { body: t.Object({ content: t.String() }) },
  )
  .listen({ hostname: "127.0.0.1", port: 0 });

console.log(`http://127.0.0.1:${app.server?.port}`);
