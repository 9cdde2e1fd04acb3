import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

const executablePath = "/usr/bin/chromium";

/** Whether a browser test can run. In CI a missing browser is a failure, or nobody would notice that it is missing. */
export const hasBrowser = existsSync(executablePath) || process.env.CI === "true";
/** Belongs to the title of a browser test, so that a skipped one says why. */
export const skipReason = hasBrowser ? "" : ` (skipped: there is no ${executablePath})`;

/** A real browser that reaches 127.0.0.1 and no other host. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ],
  });
}
