/**
 * A model that costs next to nothing: the first answer to each kind of request comes from the mock of the tests, and every
 * later one is that answer again. A request that says "hold" waits for a moment.
 */
import { startMockModel } from "../test/helpers/mock-model.ts";

export const holdMs = 800;

/** Also points every SDK in this process, and in those that it starts, to the model. */
export async function startCheapModel(): Promise<AsyncDisposable> {
  const mock = await startMockModel();
  const known = new Map<string, Promise<{ body: ArrayBuffer; type: string }>>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, search } = new URL(request.url);
      const text = await request.text();
      if (text.includes("hold")) await Bun.sleep(holdMs);
      const ask = async () => {
        const headers = new Headers(request.headers);
        for (const name of ["host", "content-length", "accept-encoding"]) headers.delete(name);
        const response = await fetch(mock.url + pathname + search, { method: "POST", headers, body: text });
        return {
          body: await response.arrayBuffer(),
          type: response.headers.get("content-type") ?? "application/json",
        };
      };
      const key = `${pathname}${search}`;
      const answer = known.get(key) ?? ask();
      known.set(key, answer);
      const { body, type } = await answer;
      return new Response(body, { headers: { "content-type": type } });
    },
  });
  for (const [name, value] of Object.entries(mock.environment))
    process.env[name] = value.replace(mock.url, `http://127.0.0.1:${server.port}`);
  return {
    [Symbol.asyncDispose]: async () => {
      await server.stop(true);
      await mock[Symbol.asyncDispose]();
    },
  };
}
