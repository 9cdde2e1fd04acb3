import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { createParser } from "eventsource-parser";
import { maxDeltaCharacters } from "../../src/protocol/limits.ts";
import { Output, startCli } from "../cli/run-cli.ts";
import { until } from "../helpers/until.ts";
import { type ReadEvent, readEvents } from "./event-reader.ts";

const maxMs = 60_000;
const megabyte = 1024 * 1024;

/** Its start and its end, and its deltas: one text of 50 MB is said in as many as it takes. */
const eventsOf = (content: string) =>
  2 + (content.startsWith("one") ? Math.ceil(50_000_000 / maxDeltaCharacters) : 5_000);

/** The server as a process of its own, so that its memory is its own. */
async function startAlone() {
  const child = startCli(["serve", "start", "endure-agent.ts:agent", "--port", "0"]);
  const output = new Output(child.stdout);
  const [url] = await output.until(/http:\/\/127\.0\.0\.1:\d+/);
  const drained = output.end(); // A server that cannot write its log would wait.
  const post = async (path: string, body: unknown = {}) => {
    const headers = { "content-type": "application/json" };
    return (await fetch(url + path, { method: "POST", headers, body: JSON.stringify(body) })).json();
  };
  return {
    url,
    residentBytes: () => residentBytes(child.pid),
    createSession: async () => ((await post("/sessions")) as { session_id: string }).session_id,
    say: (sessionId: string, content: string) => post(`/sessions/${sessionId}/messages`, { content }),
    // biome-ignore lint/suspicious/noExplicitAny: a session
    session: async (sessionId: string): Promise<any> =>
      (await fetch(`${url}/sessions/${sessionId}?wait=true`)).json(),
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await Promise.all([child.exited, drained]);
    },
  };
}

function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** A reader on a bare socket that reads only when it is told to. */
class LazyReader {
  lastId = 0;
  events = 0;
  isInOrder = true;
  hasEnded = false;
  readonly #socket: Socket;
  #text = "";
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({
    onEvent: ({ id, event }) => {
      this.isInOrder &&= event === "reset" || Number(id) === this.lastId + 1;
      this.lastId = Number(id);
      this.events += 1;
    },
  });

  /** Resolves when the server has accepted the connection. */
  readonly connected: Promise<void>;

  constructor(url: string, sessionId: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ host: hostname, port: Number(port) });
    this.connected = new Promise((resolve) => this.#socket.once("connect", resolve));
    this.#socket.on("data", (bytes: Buffer) => this.#take(bytes));
    this.#socket.pause();
    this.#socket.on("close", () => {
      this.hasEnded = true;
    });
    this.#socket.write(`GET /sessions/${sessionId}/events HTTP/1.1\r\nHost: ${hostname}\r\n\r\n`);
  }

  read(): void {
    this.#socket.resume();
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }

  /** Takes HTTP chunks apart. All that is sent here is ASCII, so a character is a byte. */
  #take(bytes: Buffer): void {
    this.#text += this.#decoder.decode(bytes, { stream: true });
    const head = this.#text.indexOf("\r\n\r\n");
    if (this.#text.startsWith("HTTP/") && head !== -1) this.#text = this.#text.slice(head + 4);
    for (;;) {
      const line = /^([0-9a-f]+)\r\n/i.exec(this.#text);
      if (line === null) return;
      const size = Number.parseInt(line[1]!, 16);
      const end = line[0].length + size;
      if (this.#text.length < end + 2) return;
      if (size === 0) {
        this.hasEnded = true;
        this.#socket.end();
        return;
      }
      this.#parser.feed(this.#text.slice(line[0].length, end));
      this.#text = this.#text.slice(end + 2);
    }
  }
}

describe("a reader that never reads", () => {
  test(
    "costs the server no memory, loses its place, and comes back to a reset",
    async () => {
      await using server = await startAlone();
      const id = await server.createSession();
      await server.say(id, "flood-politely 5"); // What a flood costs without a reader is there already.
      await server.session(id);
      const readers = Array.from({ length: 10 }, () => new LazyReader(server.url, id));
      await server.say(id, "flood-politely 1");
      await server.session(id);
      const before = server.residentBytes();
      for (let turn = 0; turn < 6; turn += 1) {
        await server.say(id, "flood-politely 10");
        expect(await server.session(id)).toMatchObject({ status: "idle" });
      }
      const grownBytes = server.residentBytes() - before;
      // Ten readers that were each sent 60 MB; a buffer for each would be 600 MB.
      expect(grownBytes).toBeLessThan(150 * megabyte);
      for (const reader of readers) {
        reader.read();
        await until("the stream of the slow reader ends", () => reader.hasEnded);
        expect(reader.events).toBeGreaterThan(0);
        expect(reader.events).toBeLessThan(6_000);
        expect(reader.isInOrder).toBe(true);
      }
      const again: ReadEvent[] = [];
      for await (const event of readEvents(server.url, id, { after: readers[0]!.lastId })) {
        again.push(event);
        if (again.length === 1) await server.say(id, "hello");
        if (event.type === "turn-end") break;
      }
      expect(again.map(({ type }) => type)).toEqual(["reset", "turn-start", "turn-end"]);
      expect(again[0]?.data).toMatchObject({ session_id: id, session: { status: "idle" } });
      expect(again.map((event) => event.id)).toEqual([0, 1, 2].map((place) => again[0]!.id + place));
      for (const reader of readers) reader[Symbol.dispose]();
    },
    maxMs,
  );

  test(
    "costs little, however much it could read",
    async () => {
      await using server = await startAlone();
      const id = await server.createSession();
      await server.say(id, "flood-politely 3");
      await server.session(id);
      const before = server.residentBytes();
      const readers = Array.from({ length: 100 }, () => new LazyReader(server.url, id));
      await Promise.all(readers.map((reader) => reader.connected));
      await server.say(id, "hello");
      await server.session(id);
      const grownBytes = server.residentBytes() - before;
      expect(grownBytes).toBeLessThan(100 * megabyte);
      for (const reader of readers) {
        reader.read();
        await until("it has read everything", () => reader.lastId === 304);
        expect(reader.isInOrder).toBe(true);
        reader[Symbol.dispose]();
      }
    },
    maxMs,
  );

  test(
    "finds all that it has missed as long as it is held",
    async () => {
      await using server = await startAlone();
      const id = await server.createSession();
      using reader = new LazyReader(server.url, id);
      await server.say(id, "flood-politely 3");
      await server.session(id);
      reader.read();
      await until("it has read everything", () => reader.lastId === 302);
      expect(reader.events).toBe(302);
      expect(reader.hasEnded).toBe(false);
    },
    maxMs,
  );
});

describe("an agent that emits 50 MB", () => {
  for (const content of ["flood 50", "flood-politely 50", "one 50"]) {
    test(
      `(${content}) leaves the server usable, its memory bounded, and readers with what is held`,
      async () => {
        await using server = await startAlone();
        const id = await server.createSession();
        const other = await server.createSession();
        await server.say(other, "hello");
        await server.session(other);
        const before = server.residentBytes();
        let events = 0;
        let characters = 0;
        let lastSeq = 0;
        let connections = 0;
        const reading = (async () => {
          for (let hasEnded = false; !hasEnded && connections < 1_000; connections += 1) {
            for await (const event of readEvents(server.url, id, lastSeq === 0 ? {} : { after: lastSeq })) {
              if (event.type !== "reset") expect(event.id).toBe(lastSeq + 1);
              lastSeq = event.id;
              events += 1;
              characters += event.data.delta?.length ?? 0;
              hasEnded = event.type === "turn-end" || event.data.session?.status === "idle";
              if (hasEnded) break;
            }
          }
        })();
        await server.say(id, content);
        let slowestMs = 0;
        let peak = before;
        const flooding = server.session(id);
        let isOver = false;
        void flooding.then(() => {
          isOver = true;
        });
        while (!isOver) {
          const askedAt = performance.now();
          await (await fetch(`${server.url}/health`)).text();
          slowestMs = Math.max(slowestMs, performance.now() - askedAt);
          peak = Math.max(peak, server.residentBytes());
        }
        expect(await flooding).toMatchObject({ status: "idle", turn: { outcome: "completed" } });
        await reading;
        expect(peak - before).toBeLessThan(400 * megabyte);
        expect(slowestMs).toBeLessThan(2_000);
        if (connections === 1)
          expect({ events, characters }).toEqual({ events: eventsOf(content), characters: 50_000_000 });
        await server.say(id, "hello");
        expect((await server.session(id)).response.content).toBe("here");
      },
      maxMs,
    );
  }
});
