/**
 * `bun audit` for a build: what is known of a package fails it, a registry that does not answer does not.
 *
 * An advisory that does not concern us goes into `explained`, with the reason, and into SECURITY.md.
 */

/** Advisories that are known and do no harm here, each with why. */
const explained: Record<string, string> = {};

export {};

const ignored = Object.keys(explained).map((id) => `--ignore=${id}`);
const child = Bun.spawn([process.execPath, "audit", ...ignored], { stdout: "pipe", stderr: "pipe" });
const [found, error] = await Promise.all([
  new Response(child.stdout).text(),
  new Response(child.stderr).text(),
]);
const hasFindings = /\d+ vulnerabilit/.test(found);

if ((await child.exited) === 0) {
  console.log(found.trim());
} else if (hasFindings) {
  console.error(`${found}\nUpgrade these packages, or explain them in scripts/audit.ts and SECURITY.md.`);
  process.exitCode = 1;
} else {
  // Nothing is known, which is no news: a build does not depend on whether the registry answers this.
  console.warn(`The registry could not be asked for advisories: ${error.trim()}`);
}
