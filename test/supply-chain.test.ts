/** What we build on: in which versions, under which licences, and that none of it runs by being installed. */
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

interface Manifest {
  name: string;
  version: string;
  license?: string;
  dependencies?: Record<string, string>;
  devDependencies?: Record<string, string>;
  optionalDependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  scripts?: Record<string, string>;
  trustedDependencies?: string[];
}

const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const ours: Manifest = await Bun.file(join(root, "package.json")).json();
const runtime = await packagesBelow(ours);

/** Every package that a user of ours installs, wherever it lies. */
async function packagesBelow(manifest: Manifest): Promise<Manifest[]> {
  const found = new Map<string, Manifest>();
  async function visit(name: string, from: string): Promise<void> {
    const folder = findPackage(name, from);
    // What is optional, or made for another system, may be missing.
    if (folder === undefined || found.has(folder)) return;
    const one: Manifest = await Bun.file(join(folder, "package.json")).json();
    found.set(folder, one);
    const peers = Object.keys(one.peerDependencies ?? {});
    const needed = peers.filter((peer) => one.peerDependenciesMeta?.[peer]?.optional !== true);
    const names = Object.keys({ ...one.dependencies, ...one.optionalDependencies });
    for (const below of [...names, ...needed]) await visit(below, folder);
  }
  for (const name of Object.keys(manifest.dependencies ?? {})) {
    expect([name, findPackage(name, root)]).toEqual([name, expect.any(String)]);
    await visit(name, root);
  }
  return [...found.values()];
}

function findPackage(name: string, from: string): string | undefined {
  for (let folder = from; folder.startsWith(root); folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (existsSync(join(candidate, "package.json"))) return candidate;
  }
  return undefined;
}

describe("dependencies", () => {
  test("are pinned to one version each, those of tests too", () => {
    const pinned = /^(\d+\.\d+\.\d+(-[\w.]+)?|link:\.)$/;
    const loose = Object.entries({ ...ours.dependencies, ...ours.devDependencies }).filter(
      ([, version]) => !pinned.test(version),
    );
    expect(loose).toEqual([]);
  });

  test("of users have licences that go with ours", () => {
    const good = "MIT|ISC|BSD-[23]-Clause|Apache-2\\.0|0BSD|Unlicense|BlueOak-1\\.0\\.0";
    const isGood = new RegExp(`^(${good})$|^\\((${good}) OR [\\w.-]+\\)$`);
    const others = runtime.filter(({ license = "none" }) => !isGood.test(license));
    expect(others.map(({ name, version, license }) => `${name}@${version}: ${license}`)).toEqual([]);
    expect(runtime.length).toBeGreaterThan(30);
  });

  test("run nothing when they are installed: users' have no script for it, and ours are not trusted with theirs", () => {
    const scripts = ["preinstall", "install", "postinstall", "prepare"] as const;
    const running = runtime.filter(({ scripts: own = {} }) =>
      scripts.slice(0, 3).some((name) => name in own),
    );
    expect(running.map(({ name }) => name)).toEqual([]);
    expect(ours.trustedDependencies).toEqual([]);
    expect(scripts.filter((name) => name in (ours.scripts ?? {}))).toEqual([]);
  });
});

describe("scripts/audit.ts", () => {
  const advisory = {
    id: 1,
    url: "https://github.com/advisories/GHSA-xxxx-yyyy-zzzz",
    title: "It does what it should not",
    severity: "low",
    vulnerable_versions: "<99.0.0",
    cwe: [],
    cvss: { score: 0, vectorString: null },
  };

  /** Runs the script against a registry that answers so. */
  async function audit(answer: (() => Response) | undefined) {
    const registry = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: answer ?? (() => new Response()) });
    const { href } = registry.url;
    if (answer === undefined) await registry.stop(true);
    const child = Bun.spawn([process.execPath, join(root, "scripts/audit.ts")], {
      cwd: root,
      env: { ...process.env, BUN_CONFIG_REGISTRY: href, NPM_CONFIG_REGISTRY: href },
      stdout: "pipe",
      stderr: "pipe",
    });
    const outputs = [child.stdout, child.stderr].map((output) => new Response(output).text());
    const text = (await Promise.all(outputs)).join("");
    await registry.stop(true);
    return { exitCode: await child.exited, text };
  }

  test("is content when nothing is known", async () => {
    const { exitCode, text } = await audit(() => Response.json({}));
    expect([text, exitCode]).toEqual([expect.stringContaining("No vulnerabilities found"), 0]);
  });

  test("fails with what is known of a package", async () => {
    const { exitCode, text } = await audit(() => Response.json({ ms: [advisory] }));
    expect([text, exitCode]).toEqual([expect.stringContaining("GHSA-xxxx-yyyy-zzzz"), 1]);
  });

  test.each([
    ["is down", undefined],
    ["does not offer it", () => new Response("", { status: 405 })],
    ["answers nonsense", () => new Response("<html>")],
  ])("says so, and no more, when the registry %s", async (_, answer) => {
    const { exitCode, text } = await audit(answer);
    expect([text, exitCode]).toEqual([expect.stringContaining("could not be asked for advisories"), 0]);
  });
});
