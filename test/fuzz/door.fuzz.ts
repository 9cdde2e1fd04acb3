/**
 * 20,000 requests made from the server's own OpenAPI document, in conversations of up to thirty: every one is answered, in
 * time, as the document says, and never with a failure.
 *
 * A failure prints a seed and a path. `MOTUS_FUZZ='{"seed":1,"path":"2:3"}' bun run test:fuzz` runs that one again.
 */
import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { ApiDocument } from "./api-document.ts";
import { Conversation, type Target } from "./conversation.ts";
import { HttpLine } from "./http-line.ts";
import { anyRequest } from "./requests.ts";
import { converse, type ServerProcess, startServerProcess } from "./server-process.ts";

const requestsOfAll = 20_000;
const minutes = 60_000;

const flags = [
  ...[
    "door.ts:agent",
    "--no-compile",
    "--allow-custom-ids",
    "--max-body-bytes",
    "65536",
    "--max-sessions",
    "4",
  ],
  ...["--workers", "1", "--standby", "1", "--max-queue", "1", "--max-interrupted", "2"],
];

const servers: [string, string[], string | undefined][] = [
  ["that is open and keeps nothing", [], undefined],
  ["that wants a token and keeps all in a file", ["--store", "sqlite:store.sqlite"], "the-right-token"],
];

describe.each(servers)("a server %s", (_, more, token) => {
  test(
    "answers whatever is asked as its document says",
    async () => {
      const folder = await mkdtemp(join(tmpdir(), "motus-fuzz-"));
      const parameters = [...flags, ...more.map((one) => one.replace("sqlite:", `sqlite:${folder}/`))];
      try {
        await using server = await startServerProcess(parameters, token ? { MOTUS_TOKEN: token } : {});
        await fuzz(server, token);
      } finally {
        await rm(folder, { recursive: true });
      }
    },
    10 * minutes,
  );
});

async function fuzz(server: ServerProcess, token: string | undefined): Promise<void> {
  const answer = await fetch(`${server.url}/swagger/json`, { headers: { authorization: `Bearer ${token}` } });
  const document = new ApiDocument(await answer.json());
  using line = new HttpLine(server.url);
  const target: Target = { url: server.url, document, line, token };
  expect(await converse(server.client)).toBe('"Hello!"');
  const before = { descriptors: server.descriptors(), megabytes: server.megabytes() };

  const statuses: Record<number, number> = {};
  let sent = 0;
  const conversation = fc.array(anyRequest(document), { minLength: 1, maxLength: 30, size: "max" });
  const property = fc.asyncProperty(conversation, async (requests) => {
    const held = new Conversation(target);
    await held.begin();
    try {
      for (const request of requests) {
        const status = await held.send(request);
        statuses[status] = (statuses[status] ?? 0) + 1;
        sent += 1;
      }
    } finally {
      await held.end();
    }
  });
  const limits = { interruptAfterTimeLimit: 8 * minutes, markInterruptAsFailure: true };
  if (process.env.MOTUS_FUZZ !== undefined) await fc.assert(property, JSON.parse(process.env.MOTUS_FUZZ));
  else while (sent < requestsOfAll / servers.length) await fc.assert(property, { numRuns: 50, ...limits });

  expect(await converse(server.client)).toBe('"Hello!"');
  expect(server.complaints).toEqual([]);
  const after = { descriptors: server.descriptors(), megabytes: server.megabytes() };
  console.log(sent, "requests", statuses, before, after);
  expect(after.descriptors).toBeLessThan(before.descriptors + 20);
  expect(after.megabytes).toBeLessThan(before.megabytes + 150);
}
