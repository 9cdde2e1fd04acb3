/** Connections that only take up room do not keep others out. */
import { describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { until } from "../helpers/until.ts";
import { converse, type ServerProcess, startServerProcess } from "./server-process.ts";

const host = "Host: localhost\r\n";

/** Opens many connections that each begin with some bytes, and keeps them. */
async function crowd(server: ServerProcess, size: number, begin: string) {
  const sockets: Socket[] = [];
  let closed = 0;
  await Promise.all(
    Array.from({ length: size }, async () => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () =>
        begin === "" ? resolve() : socket.write(begin, () => resolve()),
      );
      socket.on("error", reject).on("close", () => {
        closed += 1;
      });
      sockets.push(socket);
      await promise;
    }),
  );
  return {
    /** One more byte from each. */
    drip: () => {
      for (const socket of sockets) if (socket.writable) socket.write("x");
    },
    get closed() {
      return closed;
    },
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Whether ordinary clients are served: turns one after the other, and a few at once. */
async function serves({ client }: ServerProcess): Promise<void> {
  for (let i = 0; i < 3; i++) expect(await converse(client)).toBe('"Hello!"');
  expect(await Promise.all(Array.from({ length: 5 }, () => converse(client)))).toEqual(
    Array(5).fill('"Hello!"'),
  );
}

const crowds: [what: string, size: number, begin: string][] = [
  ["connections that say nothing", 1_000, ""],
  ["connections that have asked before", 1_000, `GET /health HTTP/1.1\r\n${host}\r\n`],
  ["slow headers", 400, `GET /health HTTP/1.1\r\n${host}X-Slow: `],
  [
    "slow bodies",
    400,
    `POST /sessions HTTP/1.1\r\n${host}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{`,
  ],
  [
    "slow chunks",
    400,
    `POST /sessions HTTP/1.1\r\n${host}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n{`,
  ],
];

describe("a crowd of", () => {
  test.each(crowds)("%s keeps nobody out, and leaves nothing behind", async (_, size, begin) => {
    await using server = await startServerProcess(["door.ts:agent", "--no-compile"]);
    const before = server.descriptors();
    {
      using many = await crowd(server, size, begin);
      await until("all have come in", () => server.descriptors() >= before + size);
      many.drip();
      await serves(server);
      many.drip();
      await serves(server);
      expect([many.closed, server.complaints]).toEqual([0, []]);
    }
    await until("all have gone", () => server.descriptors() <= before + 10);
    await serves(server);
  });

  test("readers that do not read keeps nobody out", async () => {
    await using server = await startServerProcess(["door.ts:agent", "--no-compile"]);
    const { session_id } = await server.client.createSession();
    const before = server.descriptors();
    {
      using _ = await crowd(server, 400, `GET /sessions/${session_id}/events HTTP/1.1\r\n${host}\r\n`);
      await until("all have come in", () => server.descriptors() >= before + 400);
      await server.client.send(session_id, "x".repeat(100_000));
      expect((await server.client.wait(session_id)).response?.content).toHaveLength(100_002);
      await serves(server);
    }
    await until("all have gone", () => server.descriptors() <= before + 10);
  });

  test("headers that never end is shown the door by itself", async () => {
    await using server = await startServerProcess(["door.ts:agent", "--no-compile"]);
    using many = await crowd(server, 50, `GET /health HTTP/1.1\r\n${host}X-Slow: `);
    // The runtime gives a head ten seconds, however often a byte of it comes.
    const deadline = Date.now() + 50_000;
    while (many.closed < 50 && Date.now() < deadline) {
      many.drip();
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
    expect(many.closed).toBe(50);
  });
});
