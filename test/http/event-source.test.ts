/** The EventSource that every browser has reads a session's events, and comes back with its last id. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser } from "playwright-core";
import { hasBrowser, launchBrowser, skipReason } from "../helpers/browser.ts";
import { createLine } from "../helpers/line.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

describe.skipIf(!hasBrowser)(`EventSource in a browser${skipReason}`, () => {
  let server: TestServer;
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchBrowser();
  }, 60_000);
  afterAll(() => browser?.close());

  test("reads every event once, across turns and a cut connection", async () => {
    server = await startServer("live.ts:agent");
    await using line = await createLine(server.url);
    const id = await server.createSession();
    const page = await browser.newPage();
    await page.goto(`${line.url}/ready`);
    await page.evaluate((path) => {
      const seen: { id: string; type: string; seq: number }[] = [];
      const source = new EventSource(path);
      for (const type of ["turn-start", "text-delta", "turn-end"]) {
        source.addEventListener(type, (event) => {
          const { lastEventId, data } = event as MessageEvent<string>;
          seen.push({ id: lastEventId, type, seq: JSON.parse(data).seq });
        });
      }
      Object.assign(window, { seen, source });
    }, `/sessions/${id}/events`);
    const seen = (count: number) =>
      page
        .waitForFunction((wanted) => (window as never as { seen: unknown[] }).seen.length >= wanted, count)
        .then(() =>
          page.evaluate(
            () => (window as never as { seen: { id: string; type: string; seq: number }[] }).seen,
          ),
        );

    await server.turn(id, "count 5");
    await seen(7);
    line.cut();
    await server.turn(id, "count 5");
    const events = await seen(14);
    expect(events.map(({ seq }) => seq)).toEqual(Array.from({ length: 14 }, (_, i) => i + 1));
    expect(events.map((event) => event.id)).toEqual(events.map(({ seq }) => String(seq)));
    expect(events.filter(({ type }) => type === "turn-end")).toHaveLength(2);
    await page.close();
    await server[Symbol.asyncDispose]();
  }, 60_000);
});
