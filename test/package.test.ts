/** What users get: the package is packed, installed into an empty project and used there. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cp, mkdir, mkdtemp, readdir, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { version } from "../src/version.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const tsc = join(root, "node_modules/.bin/tsc");

const agent = `import { ChatMessage, type Turn, type TurnContext } from "motus-serve";

export async function agent(message: ChatMessage, state: ChatMessage[], turn: TurnContext): Promise<Turn> {
  const response: ChatMessage = ChatMessage.assistant(\`\${turn.sessionId.length}: \${message.content}\`);
  return [response, [...state, message, response]];
}
`;

const server = `import { AgentServer, type AgentServerOptions, type Health } from "motus-serve";
import { MotusClient } from "motus-serve/client";

const options: AgentServerOptions = { port: 0, standby: 0 };
const server = new AgentServer("agent.ts:agent", options);
const { url } = await server.listen();
const health: Health = await new MotusClient(url).health();
console.log(health.version);
await server.stop();
`;

const client = `import { type Accepted, type ChatMessage, MotusClient, type SessionView } from "motus-serve/client";

export async function ask(client: MotusClient, content: string): Promise<ChatMessage | null> {
  const session: SessionView = await client.createSession();
  const accepted: Accepted = await client.send(session.session_id, { content });
  return (await client.wait(accepted.session_id)).response;
}

console.log(typeof MotusClient);
`;

let folder: string;
let project: string;
let packed: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "motus-package-"));
  // A copy of the checkout, so that the dist/ that others may be using stays as it is.
  const copy = join(folder, "checkout");
  const without = new Set(["node_modules", ".git", "dist"]);
  const filter = (path: string) => !without.has(path.slice(root.length));
  await cp(root, copy, { recursive: true, filter });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
  await run(["bun", "pm", "pack", "--destination", folder], copy);
  const tarball = join(folder, `motus-serve-${version}.tgz`);
  packed = (await run(["tar", "-tzf", tarball], folder)).trim().split("\n");

  project = join(folder, "project");
  await mkdir(project);
  const manifest = { name: "project", private: true, type: "module" };
  await Bun.write(join(project, "package.json"), JSON.stringify(manifest));
  await run(["bun", "add", tarball], project);
  for (const [name, text] of Object.entries({ agent, server, client }))
    await Bun.write(join(project, `${name}.ts`), text);
}, 120_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Runs a command to its end and returns what it wrote. */
async function run(command: string[], cwd: string): Promise<string> {
  const child = Bun.spawn(command[0] === "bun" ? [process.execPath, ...command.slice(1)] : command, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, error] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")} failed:\n${out}${error}`);
  return out;
}

describe("the package", () => {
  test("holds the source, what was built from it, and nothing else", () => {
    const allowed = [
      /^package\/(package\.json|README\.md|CHANGELOG\.md|LICENSE)$/,
      /^package\/src\/([a-z-]+\/)*[a-z-]+(\.check)?\.ts$/,
      /^package\/dist\/types\/([a-z-]+\/)*[a-z-]+(\.check)?\.d\.ts$/,
      /^package\/dist\/client\.js$/,
      /^package\/dist\/swagger-ui\/(swagger-ui-bundle\.js\.gz|swagger-ui\.css\.gz|LICENSE|NOTICE|swagger-ui-bundle\.js\.LICENSE\.txt)$/,
    ];
    expect(packed.filter((file) => !allowed.some((pattern) => pattern.test(file)))).toEqual([]);
    expect(packed).toEqual(
      expect.arrayContaining(
        [
          "package.json",
          "README.md",
          "CHANGELOG.md",
          "LICENSE",
          "src/index.ts",
          "src/cli/main.ts",
          "src/worker/main.ts",
          "dist/types/index.d.ts",
          "dist/types/client/client.d.ts",
          "dist/client.js",
          "dist/swagger-ui/swagger-ui-bundle.js.gz",
          "dist/swagger-ui/swagger-ui.css.gz",
          "dist/swagger-ui/LICENSE",
          "dist/swagger-ui/NOTICE",
        ].map((file) => `package/${file}`),
      ),
    );
  });

  test("brings no SDK of an agent framework and nothing that runs when it is installed", async () => {
    const names = await readdir(join(project, "node_modules"));
    expect(names).not.toContainAnyValues(["openai", "@openai", "@anthropic-ai", "@google", "ai", "@scarf"]);
    expect(await run(["bun", "pm", "untrusted"], project)).toContain("Found 0 untrusted dependencies");
  });

  test("serves an agent with `motus serve start`, its documentation included", async () => {
    expect((await run(["bun", "x", "motus", "--version"], project)).trim()).toBe(version);
    const parameters = ["serve", "start", "agent.ts:agent", "--port", "0", "--log-format", "json"];
    const motus = Bun.spawn([process.execPath, "x", "motus", ...parameters], {
      cwd: project,
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      const url = await announcedUrl(motus.stdout);
      const created = (await (await fetch(`${url}/sessions`, { method: "POST" })).json()) as {
        session_id: string;
      };
      const session = `${url}/sessions/${created.session_id}`;
      const headers = { "content-type": "application/json" };
      await fetch(`${session}/messages`, { method: "POST", headers, body: '{"content":"Hello!"}' });
      expect(await (await fetch(`${session}?wait=true`)).json()).toMatchObject({
        status: "idle",
        error: null,
        response: { role: "assistant", content: "36: Hello!" },
      });
      const script = await (await fetch(`${url}/swagger/assets/swagger-ui-bundle.js`)).text();
      expect(script).toContain("SwaggerUIBundle");
    } finally {
      motus.kill("SIGINT");
      expect(await motus.exited).toBe(0);
    }
  });

  test("serves an agent from a program of the user's own", async () => {
    expect((await run(["bun", "server.ts"], project)).trim()).toBe(version);
  });

  test("gives each reader its own file", async () => {
    const resolve = async (...flags: string[]) =>
      JSON.parse(
        await run(
          [
            "bun",
            ...flags,
            "-p",
            `JSON.stringify(["", "/client", "/package.json"].map((path) =>
              import.meta.resolve("motus-serve" + path).split("/motus-serve/")[1]))`,
          ],
          project,
        ),
      );
    const server = ["src/index.ts", "src/client/client.ts", "package.json"];
    expect(await resolve()).toEqual(server);
    expect(await resolve("--conditions=motus-source")).toEqual(server);
    expect(await resolve("--conditions=motus-worker")).toEqual(["src/worker/api.ts", ...server.slice(1)]);
  });

  test("has a client that Node.js can load", async () => {
    const program = `import { MotusClient } from "motus-serve/client";
      console.log(typeof MotusClient, import.meta.resolve("motus-serve/client"));`;
    expect(await run(["node", "--input-type=module", "-e", program], project)).toMatch(
      /^function .*\/dist\/client\.js$/m,
    );
  });
});

describe("the package's types", () => {
  const strict = [
    ...["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--noUncheckedIndexedAccess"],
    ...["--noUnusedLocals", "--noUnusedParameters", "--target", "esnext", "--pretty", "false"],
  ];
  const bundler = ["--module", "preserve", "--moduleResolution", "bundler"];
  const node = ["--module", "nodenext", "--moduleResolution", "nodenext"];

  test.each([
    ["a bundler", bundler],
    ["Node.js", node],
  ])("fit strict programs that resolve modules as %s does", async (_, resolution) => {
    const command = [tsc, ...strict, ...resolution, "--skipLibCheck", "agent.ts", "server.ts", "client.ts"];
    expect(await run(command, project)).toBe("");
  });

  test("of the client fit without skipLibCheck too", async () => {
    expect(await run([tsc, ...strict, ...bundler, "--skipLibCheck", "false", "client.ts"], project)).toBe("");
  });

  test("have no error of their own without skipLibCheck; Elysia's have", async () => {
    const command = [tsc, ...strict, ...bundler, "--skipLibCheck", "false", "agent.ts", "server.ts"];
    const errors = await run(command, project).catch((error: Error) => error.message);
    expect(
      errors.match(/^\S+\.ts(?=\()/gm)?.filter((file) => !file.startsWith("node_modules/elysia/")),
    ).toEqual([]);
  });
});

/** Where a server listens, as its first log line says. */
async function announcedUrl(output: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  for await (const chunk of output) {
    text += Buffer.from(chunk).toString();
    const url = /"url":"([^"]+)"/.exec(text)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error(`The server ended without saying where it listens: ${text}`);
}
