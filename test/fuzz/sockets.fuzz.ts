/**
 * Bytes as no client sends them: split, broken, contradictory, cut off. A well-formed request is answered; whatever else is
 * answered with an error or closed, and never taken for a request. Nobody else notices.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import fc from "fast-check";
import { until } from "../helpers/until.ts";
import { converse, type ServerProcess, startServerProcess } from "./server-process.ts";

let server: ServerProcess;
beforeAll(async () => {
  server = await startServerProcess(["door.ts:agent", "--no-compile", "--max-body-bytes", "65536"]);
});
afterAll(() => server?.[Symbol.asyncDispose]());

const host = "Host: localhost\r\n";
const post = `POST /sessions HTTP/1.1\r\n${host}Content-Type: application/json\r\n`;
const get = (path: string) => `GET ${path} HTTP/1.1\r\n${host}\r\n`;

interface Heard {
  text: string;
  /** The status of each answer, in their order. */
  statuses: number[];
  isClosed: boolean;
}

/** Opens a connection, lets it be used, and returns what was heard until `isEnough`, or until the server closed it. */
async function talk(use: (socket: Socket) => unknown, isEnough: (heard: Heard) => boolean): Promise<Heard> {
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const heard: Heard = { text: "", statuses: [], isClosed: false };
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1", () => void use(socket));
  socket.setNoDelay(true);
  const late = setTimeout(
    () => reject(new Error(`nothing more after ${JSON.stringify(heard.text)}`)),
    20_000,
  );
  socket.on("data", (chunk) => {
    heard.text += chunk.toString("latin1");
    heard.statuses = [...heard.text.matchAll(/HTTP\/1\.1 (\d+) /g)].map(([, status]) => Number(status));
    if (isEnough(heard)) resolve(heard);
  });
  socket.on("error", () => {});
  socket.on("close", () => resolve({ ...heard, isClosed: true }));
  try {
    return await promise;
  } finally {
    clearTimeout(late);
    socket.destroy();
  }
}

const answers = (count: number) => (heard: Heard) => {
  const last = heard.text.slice(heard.text.lastIndexOf("HTTP/1.1 "));
  return (
    heard.statuses.length >= count &&
    /\r\n\r\n[\s\S]*[\]}]$|content-length: 0\r\n\r\n$|0\r\n\r\n$/i.test(last)
  );
};
const never = () => false;

async function isWell(): Promise<void> {
  expect(await converse(server.client)).toBe('"Hello!"');
  expect(server.complaints).toEqual([]);
  expect((await server.client.health()).total_sessions).toBe(0);
}

describe("a well-formed request", () => {
  const wellFormed: Record<string, [bytes: string | Buffer, statuses: number[]]> = {
    "in HTTP/1.0 without a host": ["GET /health HTTP/1.0\r\n\r\n", [200]],
    "with the whole address as its target": [get("http://localhost/health"), [200]],
    "whose header names are in capitals": [
      "GET /health HTTP/1.1\r\nHOST:localhost\r\nX-ODD:\t1\t\r\n\r\n",
      [200],
    ],
    "with twelve kilobytes of headers": [
      `GET /health HTTP/1.1\r\n${host}X: ${"a".repeat(12_000)}\r\n\r\n`,
      [200],
    ],
    "with bytes beyond ASCII in a header": [
      Buffer.from(`GET /health HTTP/1.1\r\n${host}X: \xff\xfe\r\n\r\n`, "latin1"),
      [200],
    ],
    "that says its length twice alike": [`${post}Content-Length: 1\r\nContent-Length: 1\r\n\r\n{`, [400]],
    "in chunks with extensions": [`${post}Transfer-Encoding: chunked\r\n\r\n1;a=b\r\n{\r\n0\r\n\r\n`, [400]],
    "that waits to be told to go on": [
      `${post}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n{`,
      [100, 400],
    ],
    "with a body that GET has no use for": [
      `GET /health HTTP/1.1\r\n${host}Content-Length: 2\r\n\r\n{}`,
      [200],
    ],
    "that would like to be something else": [
      `GET /health HTTP/1.1\r\n${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n`,
      [200],
    ],
    "for another name": ["GET /sessions HTTP/1.1\r\nHost: evil.example\r\n\r\n", [403]],
    "that names two hosts": [`GET /sessions HTTP/1.1\r\n${host}Host: evil.example\r\n\r\n`, [403]],
    "with a method that only others know": [`PROPFIND /sessions HTTP/1.1\r\n${host}\r\n`, [405]],
    "with more bytes than allowed, promised": [`${post}Content-Length: 70000\r\n\r\n{`, [413]],
    "with more bytes than allowed, in chunks": [
      `${post}Transfer-Encoding: chunked\r\n\r\n11170\r\n${"x".repeat(0x11170)}\r\n0\r\n\r\n`,
      [413],
    ],
    "behind another one": [get("/health") + get("/sessions") + get("/nowhere"), [200, 200, 404]],
  };
  for (const [name, [bytes, statuses]] of Object.entries(wellFormed)) {
    test(`${name} is answered`, async () => {
      const heard = await talk((socket) => socket.write(bytes), answers(statuses.length));
      expect(heard.statuses).toEqual(statuses);
    });
  }

  test("is answered when it comes byte by byte", async () => {
    const heard = await talk(async (socket) => {
      for (const byte of `${post}Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n`) {
        socket.write(byte);
        await new Promise(setImmediate);
      }
    }, answers(1));
    expect(heard.statuses).toEqual([422]);
  });

  test("in chunks with a trailer is answered, and its connection ends", async () => {
    // The runtime does not know trailers and takes them for a request, which they are not.
    const bytes = `${post}Transfer-Encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\nX: y\r\n\r\n`;
    const { statuses, isClosed } = await talk((socket) => socket.write(bytes), never);
    expect([statuses, isClosed]).toEqual([[422, 400], true]);
  });

  test("is answered although its client says that nothing more follows", async () => {
    const heard = await talk((socket) => socket.end(get("/nowhere")), never);
    expect([heard.statuses, heard.isClosed]).toEqual([[404], true]);
  });

  test("is answered in its turn however a row of them is cut into pieces", async () => {
    const kinds: [string, number][] = [
      [get("/health"), 200],
      [get("/nowhere"), 404],
      [`HEAD /health HTTP/1.1\r\n${host}\r\n`, 200],
      [`${post}Content-Length: 1\r\n\r\n{`, 400],
      [`${post}Transfer-Encoding: chunked\r\n\r\n1\r\n[\r\n1\r\n]\r\n0\r\n\r\n`, 422],
    ];
    const row = fc.array(fc.constantFrom(...kinds), { minLength: 1, maxLength: 12 });
    const cuts = fc.array(fc.nat(300), { maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(row, cuts, async (requests, lengths) => {
        const bytes = [...requests.map(([text]) => text), get("/last")].join("");
        const heard = await talk(
          async (socket) => {
            let rest = bytes;
            for (const length of lengths) {
              socket.write(rest.slice(0, length));
              rest = rest.slice(length);
              await new Promise(setImmediate);
            }
            socket.write(rest);
          },
          ({ text }) => text.includes("Cannot find /last"),
        );
        expect(heard.statuses).toEqual([...requests.map(([, status]) => status), 404]);
      }),
      { numRuns: 150 },
    );
  });

  test("costs nobody anything: the server is well", isWell);
});

describe("what is no request", () => {
  const chunked = `${post}Transfer-Encoding: chunked\r\n\r\n`;
  /** What would be run if the server took an end that it must not take. */
  const hidden = `${post}Content-Length: 2\r\n\r\n{}`;
  const malformed: Record<string, string | Buffer> = {
    "a length and chunks": `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`,
    "chunks and a length": `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${hidden}`,
    "two lengths": `${post}Content-Length: 1\r\nContent-Length: 9\r\n\r\n{${hidden}`,
    "a list of lengths": `${post}Content-Length: 2, 2\r\n\r\n{}${hidden}`,
    "a negative length": `${post}Content-Length: -1\r\n\r\n${hidden}`,
    "a length in hexadecimal": `${post}Content-Length: 0x2\r\n\r\n{}`,
    "a length with a sign": `${post}Content-Length: +2\r\n\r\n{}`,
    "a length beyond all numbers": `${post}Content-Length: ${"9".repeat(30)}\r\n\r\n{}`,
    "an empty length": `${post}Content-Length:\r\n\r\n${hidden}`,
    "a space before a colon": `${post}Content-Length : 2\r\n\r\n{}${hidden}`,
    "another encoding before chunks": `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${hidden}`,
    "an encoding that only looks like chunks": `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`,
    "two encodings": `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${hidden}`,
    "chunks in HTTP/1.0": `${post.replace("1.1", "1.0")}Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n`,
    "a chunk of no size": `${chunked}zz\r\n{}\r\n0\r\n\r\n`,
    "a chunk of negative size": `${chunked}-2\r\n{}\r\n0\r\n\r\n`,
    "a chunk beyond all sizes": `${chunked}${"f".repeat(18)}\r\n{}\r\n0\r\n\r\n`,
    "a chunk longer than it says": `${chunked}2\r\n{}${hidden}0\r\n\r\n`,
    "no host": "GET /health HTTP/1.1\r\n\r\n",
    "a target without a slash": `GET health HTTP/1.1\r\n${host}\r\n`,
    "a method that nobody knows": `BREW /health HTTP/1.1\r\n${host}\r\n`,
    "a folded header": `GET /health HTTP/1.1\r\n${host}X: a\r\n b\r\n\r\n`,
    "a zero byte in a header": `GET /health HTTP/1.1\r\n${host}X: a\0b\r\n\r\n`,
    "a zero byte in the path": `GET /a\0b HTTP/1.1\r\n${host}\r\n`,
    "a lone carriage return": `GET /health HTTP/1.1\r\n${host}X: a\rb\r\n\r\n`,
    "lone line feeds": "GET /health HTTP/1.1\nHost: localhost\n\n",
    "a header without a colon": `GET /health HTTP/1.1\r\n${host}Xabc\r\n\r\n`,
    "a header without a name": `GET /health HTTP/1.1\r\n${host}: a\r\n\r\n`,
    "a request line of 100 kB": get(`/${"a".repeat(100_000)}`),
    "a header of 100 kB": `GET /health HTTP/1.1\r\n${host}X: ${"a".repeat(100_000)}\r\n\r\n`,
    "a thousand headers": `GET /health HTTP/1.1\r\n${host}${"X: 1\r\n".repeat(1_000)}\r\n`,
    "HTTP/0.9": "GET /health\r\n\r\n",
    "the preface of HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/3.0": `GET /health HTTP/3.0\r\n${host}\r\n`,
    "a TLS hello": Buffer.from("16030100c8010000c40303", "hex"),
    "garbage of text": "hello there\r\n\r\n",
    "garbage of bytes": Buffer.from(Array.from({ length: 500 }, (_, i) => (i * 37 + 11) % 256)),
  };
  for (const [name, bytes] of Object.entries(malformed)) {
    test(`${name} is refused or closed`, async () => {
      const { statuses, isClosed, text } = await talk((socket) => socket.write(bytes), never);
      expect([isClosed, text.includes("session_id"), statuses.length <= 1]).toEqual([true, false, true]);
      for (const status of statuses) expect([400, 413, 431, 501, 505]).toContain(status);
    });
  }

  test("was never taken for a request", isWell);

  test("is answered or closed wherever a request is broken, and never fails the server", async () => {
    // What may be mended into a request that is taken must change nothing.
    const [sized, inChunks] = [`${post}Content-Length: 1\r\n\r\n{`, `${chunked}1\r\n[\r\n0\r\n\r\n`];
    const requests = [get("/sessions?limit=2"), sized, inChunks].map((text) =>
      text.replace("POST /sessions", "POST /sessions/none/cancel"),
    );
    const damage = fc.record({
      at: fc.nat(200),
      kind: fc.constantFrom("change", "insert", "remove", "repeat"),
      byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 10, 13, 32, 58, 127, 128, 255)),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...requests),
        fc.array(damage, { minLength: 1, maxLength: 4 }),
        async (request, damages) => {
          const bytes = damages.reduce(damaged, Buffer.from(request, "latin1"));
          const heard = await talk((socket) => socket.end(bytes), never);
          for (const status of heard.statuses)
            expect(status < 500 || [501, 503, 505].includes(status)).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("costs nobody anything: the server is well", isWell);
});

describe("a connection that breaks", () => {
  test("in the middle of a request or of a stream gives back what it held", async () => {
    const { session_id } = await server.client.createSession();
    const before = server.descriptors();
    const stream = get(`/sessions/${session_id}/events`);
    for (const [bytes, isBegun] of [
      ["GET /hea", never],
      [`${post}Content-Length: 100\r\n\r\n{`, never],
      [`${chunkedHead}5\r\n{`, never],
      [stream, ({ text }) => text.includes(": open")],
    ] as [string, (heard: Heard) => boolean][]) {
      await Promise.all(
        Array.from({ length: 25 }, () =>
          talk((socket) => {
            socket.write(bytes, () => {
              // A stream is broken when it has begun, everything else as soon as it is written.
              if (isBegun === never) socket.resetAndDestroy();
            });
          }, isBegun),
        ),
      );
    }
    await server.client.deleteSession(session_id);
    await until("all connections are gone", () => server.descriptors() <= before);
    await isWell();
  });
});

const chunkedHead = `${post}Transfer-Encoding: chunked\r\n\r\n`;

interface Damage {
  at: number;
  kind: string;
  byte: number;
}

function damaged(bytes: Buffer, { at, kind, byte }: Damage): Buffer {
  const place = at % bytes.length;
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  if (kind === "change") return Buffer.concat([before, Buffer.of(byte), after.subarray(1)]);
  if (kind === "insert") return Buffer.concat([before, Buffer.of(byte), after]);
  if (kind === "remove") return Buffer.concat([before, after.subarray(1)]);
  return Buffer.concat([before, after, after]);
}
