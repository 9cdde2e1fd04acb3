/** The floor of streaming.ts: the same agent, streamed from an Elysia handler in the server's own process. */
import { Elysia, sse, t } from "elysia";
import { agent } from "../streaming-agent.ts";

const app = new Elysia()
  .post("/sessions", () => ({ session_id: crypto.randomUUID() }))
  .post(
    "/sessions/:id/messages",
    async function* ({ body }) {
      const turn = agent({ role: "user", content: body.content }, []);
      let id = 0;
      for await (const event of turn) yield sse({ id: ++id, event: event.type, data: event });
      yield sse({ id: ++id, event: "turn-end", data: { type: "turn-end" } });
    },
    { body: t.Object({ content: t.String() }) },
  )
  .listen({ hostname: "127.0.0.1", port: 0 });

console.log(`http://127.0.0.1:${app.server?.port}`);
