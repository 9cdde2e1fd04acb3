import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Browser, Page } from "playwright-core";
import { hasBrowser, launchBrowser, skipReason } from "../helpers/browser.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";

describe.skipIf(!hasBrowser)(`the page at /swagger in a browser${skipReason}`, () => {
  let server: TestServer;
  let browser: Browser;

  beforeAll(async () => {
    server = await startServer("echo.ts:agent");
    browser = await launchBrowser();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await server?.[Symbol.asyncDispose]();
  });

  /** Opens the page and collects whatever is wrong with it. */
  async function open(colorScheme: "light" | "dark"): Promise<{ page: Page; faults: string[] }> {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 1600 } });
    const faults: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning") faults.push(message.text());
    });
    page.on("pageerror", (error) => faults.push(String(error)));
    page.on("requestfailed", (request) => faults.push(`failed: ${request.url()}`));
    page.on("request", (request) => {
      const { protocol, host } = new URL(request.url());
      if (protocol !== "data:" && host !== new URL(server.url).host) faults.push(`left: ${request.url()}`);
    });
    await page.exposeFunction("reportViolation", (what: string) => faults.push(`policy: ${what}`));
    await page.addInitScript(
      `addEventListener("securitypolicyviolation", (e) => reportViolation(e.violatedDirective + " " + e.blockedURI))`,
    );
    await page.goto(`${server.url}/swagger`);
    await page.locator(".opblock").first().waitFor();
    return { page, faults };
  }

  test("lists every route, and asks nobody else for anything", async () => {
    const { page, faults } = await open("light");
    const shown = await page
      .locator(".opblock-summary")
      .evaluateAll((rows) =>
        rows.map((row) =>
          [".opblock-summary-method", ".opblock-summary-path"]
            .map((part) => row.querySelector(part)?.textContent?.replaceAll("\u200b", ""))
            .join(" "),
        ),
      );
    const routes = server.server.app.routes
      .filter(({ hooks }) => hooks.detail?.hide !== true)
      .map(({ method, path }) => `${method} ${path.replace(/:(\w+)/g, "{$1}")}`);
    expect(shown.sort()).toEqual(routes.sort());

    for (const row of await page.locator(".opblock-summary-control").all()) await row.click();
    expect(await page.locator(".opblock.is-open .responses-table").count()).toBeGreaterThanOrEqual(
      routes.length,
    );
    expect(await page.locator(".errors-wrapper").count()).toBe(0);
    await shoot(page, "light");
    expect(faults).toEqual([]);
  });

  test("can try a route out", async () => {
    const { page, faults } = await open("light");
    const health = page.locator("#operations-server-getHealth");
    await health.locator(".opblock-summary-control").click();
    await health.locator(".try-out__btn").click();
    await health.locator(".execute").click();
    expect(await health.locator(".live-responses-table .response-col_status").last().textContent()).toBe(
      "200",
    );
    expect(faults).toEqual([]);
  });

  test("follows the reader's dark theme", async () => {
    const { page, faults } = await open("dark");
    expect(await page.locator("html").getAttribute("class")).toContain("dark-mode");
    const [red = 255] = await page
      .locator("body")
      .evaluate((body) => getComputedStyle(body).backgroundColor.match(/\d+/g)?.map(Number) ?? []);
    expect(red).toBeLessThan(80);
    await shoot(page, "dark");
    expect(faults).toEqual([]);
  });
});

/** Leaves a picture for whoever wants to look: `MOTUS_SCREENSHOTS=/tmp bun test test/http/swagger-page.test.ts`. */
async function shoot(page: Page, name: string): Promise<void> {
  const folder = process.env.MOTUS_SCREENSHOTS;
  if (folder !== undefined) await page.screenshot({ path: `${folder}/swagger-${name}.png`, fullPage: true });
}
