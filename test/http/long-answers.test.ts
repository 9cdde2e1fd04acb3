/** Answers and bodies that take long, in time or in size, and what the runtime would do to them. */
import { expect, test } from "bun:test";
import { connect, type Socket } from "node:net";
import { createGate } from "../helpers/gate.ts";
import { startServer } from "../helpers/start-server.ts";

function open(
  url: string,
  lines: string[],
): { socket: Socket; text: () => string; answered: Promise<void>; closed: Promise<void> } {
  const answered = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  let text = "";
  const socket = connect(Number(new URL(url).port), "127.0.0.1", () => socket.write(lines.join("\r\n")));
  socket.on("data", (chunk) => {
    text += chunk.toString();
    answered.resolve();
  });
  socket.on("close", () => closed.resolve());
  socket.on("error", () => closed.resolve());
  return { socket, text: () => text, answered: answered.promise, closed: closed.promise };
}

test.concurrent("a wait outlives the silence that closes other connections, and afterwards its connection closes too", async () => {
  await using gate = createGate();
  await using server = await startServer("waits.ts:agent");
  const [waiting, quick] = [await server.createSession(), await server.createSession()];
  await server.request("POST", `/sessions/${waiting}/messages`, { content: gate.url });
  await gate.arrivals(1);

  const wait = open(server.url, [`GET /sessions/${waiting}?wait=true HTTP/1.1`, "Host: 127.0.0.1", "", ""]);
  let waitClosed = false;
  void wait.closed.then(() => {
    waitClosed = true;
  });
  // A wait that is over is an ordinary connection again: were it exempt for ever, it would never be closed.
  const over = open(server.url, [`GET /sessions/${quick}?wait=true HTTP/1.1`, "Host: 127.0.0.1", "", ""]);
  const unfinished = open(server.url, ["GET /health HTTP/1.1", "Host: 127.0.0.1", ""]);
  await over.answered;
  await Promise.all([unfinished.closed, over.closed]);

  expect(waitClosed).toBe(false);
  expect(wait.text()).toBe("");
  gate.open();
  await wait.answered;
  expect(wait.text()).toContain('"status":"idle"');
  wait.socket.destroy();
}, 90_000);

test.concurrent("a body may take as long as it likes while enough of it comes, and one that stops coming is given up", async () => {
  await using server = await startServer("echo.ts:agent");
  const body = `{"metadata":{"text":"${"x".repeat(200_000)}"}}`;
  const head = [
    "POST /sessions HTTP/1.1",
    "Host: 127.0.0.1",
    "Content-Type: application/json",
    `Content-Length: ${body.length}`,
    "",
    body.slice(0, 10),
  ];
  const [slow, stalled] = [open(server.url, head), open(server.url, head)];
  // The runtime closes this one after some ten seconds, and one that stands still after thirty.
  const unfinished = open(server.url, ["GET /health HTTP/1.1", "Host: 127.0.0.1", ""]);
  await unfinished.closed;
  slow.socket.write(body.slice(10, 100_000));
  await stalled.closed;
  slow.socket.write(body.slice(100_000));
  await slow.answered;
  expect(slow.text()).toStartWith("HTTP/1.1 201");
  slow.socket.destroy();
}, 90_000);

test("a history of 10 MB is answered whole, and other requests do not wait for it", async () => {
  await using server = await startServer("echo.ts:agent");
  const state = Array.from({ length: 10_000 }, (_, i) => ({
    role: "user",
    content: `${i} ${"é".repeat(500)}`,
  }));
  const id = await server.createSession({ state });
  const reader = (await fetch(`${server.url}/sessions/${id}/messages`)).body?.getReader();
  if (reader === undefined) throw new Error("The answer has no body");
  const decoder = new TextDecoder();
  let text = "";
  let pieces = 0;
  for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
    text += decoder.decode(piece.value, { stream: true });
    pieces += 1;
    if (pieces % 10 === 0) expect((await server.request("GET", "/ready")).status).toBe(200);
  }
  expect(pieces).toBeGreaterThan(10);
  expect(JSON.parse(text)).toEqual(state);
  expect((await server.turn(id, "hi")).response?.content).toBe("echo: hi");
});
