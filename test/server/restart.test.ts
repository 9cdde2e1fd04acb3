/** What is there when a server on SQLite was killed, or stopped, and another one takes its file. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import type { SessionView } from "motus-serve";
import { MotusClient } from "motus-serve/client";
import { Output, runCli, startCli } from "../cli/run-cli.ts";
import { createGate } from "../helpers/gate.ts";
import { readEvents } from "../helpers/read-events.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";

let folder: ReturnType<typeof temporaryFolder>;
let file: string;
beforeEach(() => {
  folder = temporaryFolder();
  file = `${folder.path}/motus.sqlite`;
});
afterEach(() => folder[Symbol.dispose]());

const start = (agent: string, ...flags: string[]) =>
  startCli(
    [
      "serve",
      "start",
      agent,
      "--port",
      "0",
      "--standby",
      "0",
      "--no-compile",
      "--store",
      `sqlite:${file}`,
      ...flags,
    ],
    { NOTES_FILE: `${folder.path}/notes` },
  );

async function serve(agent: string, ...flags: string[]) {
  const child = start(agent, ...flags);
  const log = new Output(child.stdout);
  const [, url = ""] = await log.until(/"url":"(http:[^"]*)"/);
  const output = log.end(); // Or it would stop when nobody reads what it logs.
  const kill = async () => {
    child.kill("SIGKILL");
    await child.exited;
  };
  return { child, output, url, client: new MotusClient(url), kill, [Symbol.asyncDispose]: kill };
}

interface Received {
  id: string | null;
  body: { type: string; session_id: string; error: string | null };
}

/** Takes webhooks, and answers with what it is told. */
function createReceiver() {
  const received: Received[] = [];
  const receiver = {
    received,
    status: 200,
    url: "",
    of: (sessionId: string) => received.filter(({ body }) => body.session_id === sessionId),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      received.push({
        id: request.headers.get("webhook-id"),
        body: (await request.json()) as Received["body"],
      });
      return new Response("", { status: receiver.status });
    },
  });
  receiver.url = server.url.href;
  return receiver;
}

async function send(client: MotusClient, content: string, webhook?: string): Promise<string> {
  const { session_id } = await client.createSession();
  await client.send(session_id, { content, ...(webhook !== undefined && { webhook: { url: webhook } }) });
  return session_id;
}

describe("after kill -9", () => {
  test("what ran or asked is lost and says so, what waited runs, and webhooks go on", async () => {
    await using gate = createGate();
    await using receiver = createReceiver();
    receiver.status = 500;
    await using first = await serve("live.ts:agent", "--workers", "1");
    const finished = await send(first.client, "usage", receiver.url);
    const before = await first.client.wait(finished);
    await until("its webhook has failed", () => receiver.received.length > 0);
    const asking = await send(first.client, "ask a.txt", receiver.url);
    const [question] = (await first.client.wait(asking)).interrupts ?? [];
    const running = await send(first.client, `write ${gate.url}`, receiver.url);
    await gate.arrivals(1);
    const waiting = await send(first.client, "count 3", receiver.url);
    await using reader = await readEvents(`${first.url}/sessions/${running}/events`);
    const lastRead = (await reader.until("turn-start")).at(-1)?.id ?? "";
    await first.kill();
    receiver.status = 200;
    const [failed] = receiver.of(finished);

    await using second = await serve("live.ts:agent", "--workers", "1");
    expect(await second.client.wait(waiting)).toMatchObject({
      status: "idle",
      response: { content: "counted 3" },
      turn: { outcome: "completed" },
    });
    expect(await second.client.getSession(finished)).toEqual(before);
    const lost = "Turn lost: the server died while it ran, and what it has done until then is unknown";
    const session = await second.client.getSession(running);
    expect(session).toMatchObject({ status: "error", error: lost, response: null });
    expect(session.turn).toMatchObject({
      outcome: "lost",
      duration_ms: null,
      exit_code: null,
      started_at: expect.any(String),
    });
    const unheard =
      "Turn lost: the server died while it waited for a person, and its questions can no longer be answered";
    expect(await second.client.getSession(asking)).toMatchObject({
      status: "error",
      error: unheard,
      interrupts: null,
      turn: { outcome: "lost" },
    });
    await expect(second.client.resume(asking, question?.interrupt_id ?? "", true)).rejects.toMatchObject({
      status: 409,
      code: "session_not_interrupted",
    });

    for (const [id, from] of [
      [running, lastRead],
      [asking, "1"],
    ] as const) {
      await using events = await readEvents(`${second.url}/sessions/${id}/events`, {
        headers: { "last-event-id": from },
      });
      const [last] = (await events.until("turn-end")).slice(-1);
      expect(last?.data).toMatchObject({ type: "turn-end", outcome: "lost", session_id: id });
    }

    await until(
      "all webhooks have arrived",
      () =>
        [asking, running, waiting].every((id) => receiver.of(id).length === 1) &&
        receiver.of(finished).length === 2,
    );
    expect(receiver.of(finished)[1]).toEqual(failed as Received);
    expect(receiver.of(running)[0]?.body).toMatchObject({ type: "turn.lost", error: lost });
    expect(receiver.of(asking)[0]?.body).toMatchObject({ type: "turn.lost", error: unheard });
    expect(receiver.of(waiting)[0]?.body).toMatchObject({ type: "turn.completed" });

    await second.client.send(running, "count 1");
    expect(await second.client.wait(running)).toMatchObject({
      status: "idle",
      response: { content: "counted 1" },
    });
  });

  test("a request that comes again with its key gets its first answer again", async () => {
    const post = async (server: { url: string }, path: string, body: object, key: string) => {
      const headers = { "content-type": "application/json", "idempotency-key": key };
      const response = await fetch(server.url + path, {
        method: "POST",
        headers,
        body: JSON.stringify(body),
      });
      const isReplay = response.headers.has("idempotent-replayed");
      return { status: response.status, isReplay, body: (await response.json()) as { session_id: string } };
    };
    await using first = await serve("echo.ts:agent");
    const made = await post(first, "/sessions", { metadata: { user: "ada" } }, "a");
    const messages = `/sessions/${made.body.session_id}/messages`;
    const sent = await post(first, messages, { content: "hi" }, "b");
    await first.client.wait(made.body.session_id);
    await first.kill();
    await using second = await serve("echo.ts:agent");
    expect(await post(second, "/sessions", { metadata: { user: "ada" } }, "a")).toEqual({
      ...made,
      isReplay: true,
    });
    expect(await post(second, messages, { content: "hi" }, "b")).toEqual({ ...sent, isReplay: true });
    expect(await post(second, messages, { content: "ho" }, "b")).toMatchObject({ status: 422 });
    expect(await second.client.turns(made.body.session_id)).toHaveLength(1);
  });

  test.each([10, 20, 30, 40, 50])(
    "nothing that was answered is missing, and no turn ran twice (%d)",
    async (enough) => {
      await using first = await serve("notes.ts:agent", "--workers", "2");
      const sessions = new Set<string>();
      const accepted = new Map<string, string>();
      const ended = new Map<string, unknown>();
      const done = Promise.withResolvers<void>();
      const talk = async () => {
        for (let i = 0; i < 100; i++) {
          const { session_id } = await first.client.createSession();
          sessions.add(session_id);
          for (let j = 0; j < 3; j++) {
            const { turn_id } = await first.client.send(session_id, "hi");
            accepted.set(turn_id, session_id);
            if (accepted.size >= enough) done.resolve();
            // Not the client's own wait, which comes back after a lost connection.
            const answer = await fetch(`${first.url}/sessions/${session_id}?wait=true`);
            const { turn } = (await answer.json()) as SessionView;
            ended.set(turn_id, turn);
          }
        }
      };
      const talking = Promise.allSettled(Array.from({ length: 8 }, talk));
      await done.promise;
      await first.kill();
      await talking;

      await using second = await serve("notes.ts:agent", "--workers", "2");
      await until(
        "nothing runs",
        async () => (await second.client.listSessions({ status: "running" })).sessions.length === 0,
      );
      for (const id of sessions) expect(await second.client.getSession(id)).toMatchObject({ session_id: id });
      const notes = readFileSync(`${folder.path}/notes`, "utf8").trim().split("\n");
      expect(new Set(notes).size).toBe(notes.length);
      const answers = new Map<string, string[]>();
      for (const [turnId, sessionId] of accepted) {
        const turns = await second.client.turns(sessionId);
        const turn = turns.find(({ turn_id }) => turn_id === turnId);
        expect(turn?.outcome).toBeOneOf(["completed", "lost"]);
        if (ended.has(turnId)) expect(turn).toMatchObject(ended.get(turnId) as object);
        if (turn?.outcome !== "completed") continue;
        expect(notes).toContain(turnId);
        answers.set(sessionId, [...(answers.get(sessionId) ?? []), turnId]);
      }
      for (const [sessionId, turnIds] of answers) {
        const said = (await second.client.messages(sessionId)).map(({ content }) => content ?? "");
        // A turn may have been accepted, and its client not have heard of it.
        expect(said.filter((content) => accepted.has(content))).toEqual(turnIds);
      }
      const check = await runCli(["store", "check", file]);
      expect([check.exitCode, check.stderr]).toEqual([0, ""]);
    },
  );
});

describe("a stop", () => {
  test("leaves what waits to the next server, and what has not arrived", async () => {
    await using gate = createGate();
    await using receiver = createReceiver();
    receiver.status = 500;
    await using first = await serve("live.ts:agent", "--workers", "1", "--shutdown-timeout", "0");
    const finished = await send(first.client, "usage", receiver.url);
    await until("its webhook has failed", () => receiver.received.length > 0);
    const running = await send(first.client, `write ${gate.url}`);
    await gate.arrivals(1);
    const waiting = await send(first.client, "count 3");
    const waiter = first.client.getSession(waiting);
    first.child.kill("SIGTERM");
    expect(await first.child.exited).toBe(0);
    expect(await first.output).toContain("the webhook is left to the next server");
    expect((await waiter).status).toBe("running");
    receiver.status = 200;

    // An agent that does not load must not cost what waits.
    await using broken = start("import-throws.ts:agent");
    expect(await broken.exited).toBe(2);

    await using second = await serve("live.ts:agent", "--workers", "1");
    expect(await second.client.wait(waiting)).toMatchObject({ response: { content: "counted 3" } });
    expect(await second.client.getSession(running)).toMatchObject({
      status: "idle",
      error: "Turn cancelled",
    });
    await until("the webhook arrives", () => receiver.of(finished).length > 1);
    expect(new Set(receiver.of(finished).map(({ id }) => id)).size).toBe(1);
  });
});

describe("a second server on the same file", () => {
  test("is refused with a sentence, and the first goes on", async () => {
    await using first = await serve("echo.ts:agent");
    const refused = start("echo.ts:agent");
    const [stderr, exitCode] = await Promise.all([new Output(refused.stderr).end(), refused.exited]);
    expect(stderr).toBe(
      `Error: Cannot use ${file} as a store: another server uses it; stop that one, or name another file\n`,
    );
    expect(exitCode).toBe(2);
    const id = await send(first.client, "hi");
    expect(await first.client.wait(id)).toMatchObject({ response: { content: "echo: hi" } });
  });

  test.each([
    ["sqlite:", "it takes memory, or sqlite: and the name of a file"],
    ["postgres://x", "it takes memory, or sqlite: and the name of a file"],
  ])("cannot be had with --store %s either", async (store, words) => {
    const { stderr, exitCode } = await runCli(["serve", "start", "echo.ts:agent", "--store", store]);
    expect(stderr).toContain(words);
    expect(exitCode).toBe(2);
  });

  test("nor can one on a file that is no store, which stays as it is", async () => {
    writeFileSync(file, "my diary\n".repeat(1_000));
    const refused = start("echo.ts:agent");
    const [stderr, exitCode] = await Promise.all([new Output(refused.stderr).end(), refused.exited]);
    expect(stderr).toStartWith(`Error: Cannot use ${file} as a store: it is no SQLite database, or damaged`);
    expect(exitCode).toBe(2);
    expect(readFileSync(file, "utf8")).toBe("my diary\n".repeat(1_000));
  });
});
