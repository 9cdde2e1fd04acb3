/** What a program sees of its process, and the processes and threads that it starts, compiled and from source. */
import { afterAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { findCompiled } from "../../src/compile/compile-agent.ts";
import { type Program, packageOf, Workshop } from "./both-ways.ts";

const workshop = new Workshop();
afterAll(() => workshop[Symbol.dispose]());

const some = packageOf("some", { "index.js": "export const some = 1;" }, { type: "module" });
const using = 'import { some } from "some";\n';
const isSame = (program: Program, environment?: Record<string, string | undefined>) =>
  workshop.isSame({ ...some, ...program }, environment);
const isRefused = (program: Program, why: RegExp) => workshop.isRefused({ ...some, ...program }, why);

/** A test that goes wrong must not fill the machine with processes that start one another. */
const bounded = `
  const depth = Number(process.env.FAITHFUL_DEPTH ?? 0);
  if (depth > 1) throw new Error("A process has started itself again");
  process.env.FAITHFUL_DEPTH = String(depth + 1);`;

describe("a process", () => {
  test("its arguments, paths, title and settings", async () => {
    const seen = await isSame({
      ...packageOf(
        "tells",
        {
          "index.js": `
            import { createRequire } from "node:module";
            const require = createRequire(import.meta.url);
            export const tells = () => [process.execPath, process.argv, process.argv0, process.execArgv, process.title, Bun.main, require.main?.filename, Bun.isStandaloneExecutable];`,
        },
        { type: "module" },
      ),
      "program.ts": `${using}
        import { tells } from "tells";
        export const observe = () => ({
          some, tells: tells(), cwd: process.cwd(), versions: process.versions,
          argv: [process.argv, Bun.argv, process.argv0, process.execArgv, process.execPath, process.title],
          main: [Bun.main, import.meta.main, require.main?.filename, require.main?.id],
          environment: Object.keys(process.env).filter((name) => /MOTUS|BUN/.test(name) && !/^MOTUS_(SESSION|TURN)/.test(name)).sort(),
                    globals: Object.keys(globalThis).sort(),
        });`,
    });
    expect((seen as { argv: unknown[] }).argv[0]).toEqual([
      process.execPath,
      expect.stringMatching(/main\.js$/),
      "agent.ts:agent",
    ]);
  });

  test("fork(), spawn() of the runtime and Bun.spawn() run the runtime, once", async () => {
    const seen = await isSame({
      "program.ts": `${using}
        import { fork, spawnSync } from "node:child_process";
        import { fileURLToPath } from "node:url";
        ${bounded}
        const child = fileURLToPath(new URL("./child.ts", import.meta.url));
        const forked = () => new Promise((resolve, reject) => {
          const process = fork(child, ["one", "two"]);
          process.on("message", resolve).on("error", reject).on("exit", (code) => reject(new Error("exit " + code)));
          process.send({ question: 6 });
        });
        export const observe = async () => [
          some,
          await forked(),
          spawnSync(process.execPath, [child, "spawned"], { encoding: "utf8" }).stdout,
          await new Response(Bun.spawn([process.execPath, child, "bun"], { stdio: ["ignore", "pipe", "inherit"] }).stdout).text(),
          (await Bun.$\`\${process.argv[0]} \${child} shell\`.text()),
          Bun.spawnSync([process.execPath, "--version"]).stdout.toString(),
        ];`,
      "child.ts": `
        import { some } from "some";
        ${bounded}
        const told = { some, execPath: process.execPath, argv: process.argv, execArgv: process.execArgv, main: import.meta.main };
        if (process.send === undefined) console.log(JSON.stringify(told));
        else process.on("message", (message: any) => { process.send!({ ...told, answer: message.question * 7 }); process.disconnect(); });`,
    });
    expect((seen as unknown[])[1]).toMatchObject({ answer: 42, execPath: process.execPath });
  });

  test("exit codes and handlers, what is written, and a turn that ends its process", async () => {
    await isSame({
      "program.ts": `${using}
        let exits = 0;
        process.on("exit", () => { exits += 1; });
        process.stdout.write("written\\n");
        export const observe = () => [some, exits, process.exitCode ?? null, process.listenerCount("exit"), process.stdout.isTTY ?? null, process.connected, process.uptime() > 0];`,
    });
  });
});

describe("threads", () => {
  test("that the program starts are refused", async () => {
    const seen = await isRefused(
      {
        "program.ts": `${using}
          const ask = (worker: Worker) => new Promise((resolve, reject) => { worker.onmessage = ({ data }) => resolve(data); worker.onerror = reject; });
          export async function observe() {
            const worker = new Worker(new URL("./thread.ts", import.meta.url));
            const answer = await ask(worker);
            worker.terminate();
            return [some, answer];
          }`,
        "thread.ts": 'import { some } from "some"; postMessage([some, process.execPath, process.argv[0]]);',
      },
      /program\.ts starts threads, in which process\.execPath would be another one$/,
    );
    expect(seen).toEqual([1, [1, process.execPath, process.execPath]]);
    await isRefused(
      {
        "program.ts": `${using}
          import { isMainThread } from "node:worker_threads";
          export const observe = () => [some, isMainThread];`,
      },
      /program\.ts imports worker_threads$/,
    );
  });

  test("that a package starts: they load files, and what they start is the runtime", async () => {
    const seen = await isSame({
      ...packageOf(
        "threads",
        {
          "index.js": `
            import { Worker } from "node:worker_threads";
            export const ask = () => new Promise((resolve, reject) => {
              const worker = new Worker(new URL("./thread.js", import.meta.url), { workerData: { from: "main" } });
              worker.on("message", (message) => { resolve(message); worker.terminate(); }).on("error", reject);
            });`,
          "thread.js": `
            import { parentPort, workerData } from "node:worker_threads";
            import { spawnSync } from "node:child_process";
            import { some } from "some";
            ${bounded}
            const { stdout } = spawnSync(process.execPath, ["--print", "6 * 7"], { encoding: "utf8" });
            parentPort.postMessage([some, workerData, import.meta.url, stdout]);`,
        },
        { type: "module" },
      ),
      "program.ts": `${using} import { ask } from "threads"; export const observe = async () => [some, await ask()];`,
    });
    expect(seen).toMatchObject([1, [1, { from: "main" }, expect.anything(), "42\n"]]);
  });
});

test("a native addon is loaded from its place, by whatever way a package finds it", async () => {
  const addon = await buildAddon();
  if (addon === undefined) return;
  const seen = await isSame({
    ...packageOf("native", {
      "index.js": `
        const { join } = require("node:path");
        const direct = require("./build/six.node");
        const computed = require(join(__dirname, "build", "six.node"));
        const other = process.platform === "none" ? require("./build/none.node") : null;
        exports.seen = [direct.six(), computed === direct, other];`,
      "build/six.node": addon,
    }),
    "program.ts":
      'import { seen } from "native"; const direct = require("native/build/six.node"); export const observe = () => [seen, direct.six()];',
  });
  expect(seen).toEqual([[6, true, null], 6]);
});

describe("an executable that somebody else starts", () => {
  test("acts as the runtime, and starts no workers", async () => {
    const folder = await workshop.write({
      ...some,
      "program.ts": `${using} export const observe = () => some;`,
    });
    expect((await workshop.run(folder))[1]).toBe("workers start compiled");
    const order = { importPath: "agent.ts:agent", folder, cacheFolder: workshop.cacheDir, environment: {} };
    const found = findCompiled(order);
    if (found === undefined || "refused" in found) throw new Error("It is not there");
    const run = (args: string[], environment: Record<string, string> = {}) =>
      Bun.spawnSync([found.executable, ...args], {
        cwd: folder,
        env: { PATH: process.env.PATH, FAITHFUL_DEPTH: "1", ...environment },
      });
    expect(run(["--print", "6 * 7"]).stdout.toString()).toBe("42\n");
    expect(run(["--version"]).stdout.toString().trim()).toBe(Bun.version);
    await Bun.write(
      join(folder, "depth.ts"),
      `${bounded} console.log(process.argv.slice(2), Bun.spawnSync([process.execPath, "--print", "1"]).stdout.toString());`,
    );
    expect(run(["depth.ts", "a", "b"]).stdout.toString()).toBe('[ "a", "b" ] 1\n\n');
    // What a worker has in its environment, from another server.
    const start = JSON.stringify({ pid: 1, runtime: "/nowhere", entry: "/nowhere" });
    expect(run(["--print", "1"], { MOTUS_WORKER_START: start }).stdout.toString()).toBe("1\n");
    expect(run(["agent.ts:agent"]).exitCode).not.toBe(0);
  });
});

/** An addon of a few lines, where there is a compiler. */
async function buildAddon(): Promise<Uint8Array | undefined> {
  const compiler = ["/usr/bin/cc", "/usr/bin/gcc"].find((path) => existsSync(path));
  if (compiler === undefined) return undefined;
  const source = join(workshop.folder, "six.c");
  const target = join(workshop.folder, "six.node");
  await Bun.write(
    source,
    `#include <stddef.h>
     extern int napi_create_int32(void *, int, void **);
     extern int napi_create_function(void *, const char *, size_t, void *(*)(void *, void *), void *, void **);
     extern int napi_set_named_property(void *, void *, const char *, void *);
     static void *six(void *env, void *info) { void *value; napi_create_int32(env, 6, &value); return value; }
     void *napi_register_module_v1(void *env, void *exports) {
       void *function;
       napi_create_function(env, "six", 3, six, NULL, &function);
       napi_set_named_property(env, exports, "six", function);
       return exports;
     }`,
  );
  Bun.spawnSync([compiler, "-shared", "-fPIC", "-o", target, source]);
  return existsSync(target) ? await Bun.file(target).bytes() : undefined;
}
