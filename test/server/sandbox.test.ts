/** Turns in a sandbox, with a real one for each: what they can do, what they cannot, and that all else is as without. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { AgentServer, type AgentServerOptions, MotusError } from "motus-serve";
import { MotusClient } from "motus-serve/client";
import { Output, runCli, startCli } from "../cli/run-cli.ts";
import { createGate } from "../helpers/gate.ts";
import { descendants, isAlive } from "../helpers/processes.ts";
import { sandboxProblem } from "../helpers/sandbox-problem.ts";
import { startServer, type TestServer } from "../helpers/start-server.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";

const problem = sandboxProblem();
if (problem !== undefined) console.warn(`skipped: no sandbox here: ${problem}`);
setDefaultTimeout(30_000);

const serve = (options: AgentServerOptions = {}) =>
  startServer("obeys.ts:agent", { sandbox: true, ...options });

/** What the code returns in a turn of its own. */
async function run(server: TestServer, code: string): Promise<unknown> {
  const { response, error } = await server.turn(await server.createSession(), code);
  if (response === null) throw new Error(error ?? "no answer");
  return JSON.parse(response.content ?? "");
}

/** `written`, or the code of the error. */
const write = (path: string) =>
  `try { fs.writeFileSync(${JSON.stringify(path)}, "x"); return "written"; } catch (error) { return error.code; }`;
const read = (path: string) =>
  `try { return fs.readFileSync(${JSON.stringify(path)}, "utf8"); } catch (error) { return error.code; }`;

describe.skipIf(problem !== undefined)("--sandbox", () => {
  let server: TestServer;
  let folder: ReturnType<typeof temporaryFolder>;
  const before = process.env;
  beforeAll(async () => {
    process.env = {
      ...before,
      MOTUS_TOKEN: "",
      SECRET_KEY: "a secret of the server's",
      OPEN_KEY: "for all",
      LC_ALL: "C",
    };
    folder = temporaryFolder();
    writeFileSync(join(folder.path, "secret"), "a file of somebody else's");
    mkdirSync(join(folder.path, "out"));
    mkdirSync(join(folder.path, "in"));
    writeFileSync(join(folder.path, "in", "data"), "to be read");
    server = await serve({
      sandboxWrite: [join(folder.path, "out")],
      sandboxRead: [join(folder.path, "in")],
      env: ["OPEN_KEY", "NOT_SET"],
      standby: 1,
    });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    folder?.[Symbol.dispose]();
    process.env = before;
  });

  describe("the file system", () => {
    test("cannot be written, nor made writable again", async () => {
      for (const path of [
        "/x",
        "/etc/x",
        "/usr/x",
        "/etc/passwd",
        "/dev/x",

        "/sys/x",
        join(import.meta.dir, "x"),
      ])
        expect([path, await run(server, write(path))]).toEqual([
          path,
          expect.stringMatching(/^(EROFS|EACCES|ENOENT|EPERM)$/),
        ]);
      const status =
        'return spawnSync("sh", ["-c", "mount -o remount,rw / || umount /tmp || chroot / true"]).status';
      expect(await run(server, status)).not.toBe(0);
      expect(existsSync(join(import.meta.dir, "x"))).toBe(false);
    });

    test("nor can the kernel be told anything, as root either", async () => {
      // What is written is what is there, so that the machine survives a test that fails.
      const code = `const found = (path) => { try { fs.writeFileSync(path, fs.readFileSync(path)); return path; } catch {} };
        const below = (folder) => fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
          const path = folder + "/" + entry.name;
          try { return entry.isDirectory() ? below(path) : entry.isFile() && (fs.statSync(path).mode & 0o222) !== 0 ? [path] : []; } catch { return []; }
        });
        const folders = ["/proc/sys/kernel", "/proc/sys/vm", "/proc/sys/fs", "/sys/kernel/mm", "/sys/fs/cgroup/memory"].filter((path) => fs.existsSync(path));
        const files = folders.flatMap(below).filter((path) => !/drop_caches|compact|sysrq|reset|release_agent/.test(path));
        return [files.length > 50, files.filter(found)];`;
      expect(await run(server, code)).toEqual([true, []]);
      const namespaces =
        "unshare -Urmpf --mount-proc true && echo new; unshare -Urm mount -o remount,rw,bind / && echo writable";
      expect(
        await run(
          server,
          `return spawnSync("sh", ["-c", ${JSON.stringify(namespaces)}], { encoding: "utf8" }).stdout`,
        ),
      ).toBe("");
    });

    test("has temporary folders and a home of each turn's own, which are gone with it", async () => {
      const name = `motus-sandbox-${crypto.randomUUID()}`;
      const paths = ["/tmp", "/var/tmp", "/dev/shm", homedir()].map((path) => join(path, name));
      for (const path of paths) {
        expect([path, await run(server, write(path))]).toEqual([path, "written"]);
        expect(existsSync(path)).toBe(false);
        expect(await run(server, read(path))).toBe("ENOENT");
      }
      expect(readdirSync(tmpdir()).filter((found) => found.includes(name))).toEqual([]);
    });

    test("hides what is in homes and temporary folders, and in /run, and shows the project", async () => {
      expect(await run(server, read(join(folder.path, "secret")))).toBe("ENOENT");
      expect(await run(server, "return fs.readdirSync('/run')")).not.toContain("lock");
      const found = await run(server, `return fs.readdirSync(${JSON.stringify(homedir())})`);
      expect(readdirSync(homedir()).filter((name) => (found as string[]).includes(name)).length).toBeLessThan(
        3,
      );
      expect(await run(server, read(import.meta.path))).toContain("shows the project");
    });

    test("holds no more in memory than it may", async () => {
      const fill = `const piece = Buffer.alloc(16 * 1024 * 1024); const file = fs.openSync("/tmp/large", "w");
        for (let mb = 0; mb < 400; mb += 16) try { fs.writeSync(file, piece); } catch (error) { return [error.code, mb]; }`;
      expect(await run(server, fill)).toEqual(["ENOSPC", expect.any(Number)]);
    });

    test("--sandbox-write can be written, --sandbox-read can be read", async () => {
      expect(await run(server, write(join(folder.path, "out", "result")))).toBe("written");
      expect(readFileSync(join(folder.path, "out", "result"), "utf8")).toBe("x");
      expect(await run(server, read(join(folder.path, "in", "data")))).toBe("to be read");
      expect(await run(server, write(join(folder.path, "in", "data")))).toBe("EROFS");
      expect(await run(server, write(join(folder.path, "beside")))).toBe("written"); // In a folder that is the turn's own.
      expect(existsSync(join(folder.path, "beside"))).toBe(false);
    });
  });

  test("no process outside can be seen, and no secret of the server's", async () => {
    const seen = await run(
      server,
      `const pids = fs.readdirSync("/proc").filter((name) => /^\\d+$/.test(name));
       const texts = pids.flatMap((pid) => ["environ", "cmdline"].map((file) => fs.readFileSync("/proc/" + pid + "/" + file, "latin1")));
       return { pid: process.pid, ppid: process.ppid, pids, text: texts.join("\\n") };`,
    );
    expect(seen).toMatchObject({ pid: 2, ppid: 1, pids: ["1", "2"] });
    expect((seen as { text: string }).text).toContain("PATH=");
    expect((seen as { text: string }).text).not.toMatch(/SECRET_KEY|a secret|MOTUS_TOKEN/);
    expect(
      await run(
        server,
        `try { process.kill(${process.pid}, 0); return "there"; } catch (error) { return error.code; }`,
      ),
    ).toBe("ESRCH");
  });

  test("--env: what is named is passed on, and what is no secret", async () => {
    const environment = (await run(server, "return process.env")) as Record<string, string>;
    expect(environment).toMatchObject({
      OPEN_KEY: "for all",
      LC_ALL: "C",
      PATH: process.env.PATH,
      LANGSMITH_TRACING: "false",
    });
    expect(Object.keys(environment)).not.toContain("SECRET_KEY");
    expect(Object.keys(environment)).not.toContain("NOT_SET");
    await using unboxed = await serve({ sandbox: false, env: ["OPEN_KEY"] });
    expect(await run(unboxed, "return [process.env.OPEN_KEY, process.env.SECRET_KEY ?? null]")).toEqual([
      "for all",
      null,
    ]);
  });

  describe("a turn", () => {
    test("that fails or crashes says how, as without a sandbox", async () => {
      const ways = [
        ["throw new RangeError('no luck')", "failed", "RangeError: no luck", { exit_code: 0, signal: null }],
        ["process.exit(3)", "crashed", /\(exit code 3\)$/, { exit_code: 3, signal: null }],
        [
          "process.kill(process.pid, 'SIGSEGV'); await new Promise(() => {})",
          "crashed",
          /\(signal SIGSEGV\)$/,
          { exit_code: null, signal: "SIGSEGV" },
        ],
        [
          "process.kill(process.pid, 'SIGKILL'); await new Promise(() => {})",
          "crashed",
          /\(signal SIGKILL\)$/,
          { exit_code: null, signal: "SIGKILL" },
        ],
        [
          "process.kill(0, 'SIGTERM'); await new Promise(() => {})",
          "crashed",
          /\(signal SIGTERM\)$/,
          { exit_code: null, signal: "SIGTERM" },
        ],
        [
          "fs.writeSync(3, 'garbage'); await new Promise(() => {})",
          "crashed",
          /\(channel closed\)$/,
          { exit_code: null, signal: "SIGKILL" },
        ],
      ] as const;
      for (const [code, outcome, error, exit] of ways) {
        const session = await server.turn(await server.createSession(), code);
        expect(session).toMatchObject({ status: "error", turn: { outcome, ...exit } });
        expect(session.error ?? "").toMatch(error);
      }
    });

    test("writes its logs", async () => {
      const session = await server.turn(
        await server.createSession(),
        "console.log('out'); console.error('err')",
      );
      const path = `/sessions/${session.session_id}/turns/${session.turn?.turn_id}/logs`;
      const { body } = await server.request("GET", path);
      expect([body.stdout.entries[0].text, body.stderr.entries[0].text]).toEqual(["out\n", "err\n"]);
    });

    test("has a receipt of what the worker used, and not its sandbox", async () => {
      const use = `const held = new Uint8Array(150 * 1024 * 1024).fill(1); const end = performance.now() + 500;
        while (performance.now() < end);`;
      for (const end of ["return held.length", "process.exit(1)"]) {
        const { turn } = await server.turn(await server.createSession(), use + end);
        expect(turn?.cpu_ms).toBeGreaterThan(200);
        expect(turn?.max_rss_bytes).toBeGreaterThan(150 * 1024 * 1024);
        expect(turn?.max_rss_bytes).toBeLessThan(400 * 1024 * 1024);
      }
      const { turn } = await server.turn(await server.createSession(), "return 1");
      expect(turn?.cpu_ms).toBeLessThan(200);
      expect(turn?.max_rss_bytes).toBeLessThan(150 * 1024 * 1024);
    });

    test("asks a person, and goes on with the answer", async () => {
      const id = await server.createSession();
      const code = "return [process.pid, await turn.interrupt('May I?')]";
      await server.request("POST", `/sessions/${id}/messages`, { content: code });
      const { body: asking } = await server.request("GET", `/sessions/${id}?wait=true`);
      expect(asking.status).toBe("interrupted");
      const [{ interrupt_id }] = asking.interrupts;
      await server.request("POST", `/sessions/${id}/resume`, { interrupt_id, value: "yes" });
      const { body } = await server.request("GET", `/sessions/${id}?wait=true`);
      expect(body.response.content).toBe('[2,"yes"]');
    });

    test("is cancelled, and times out, with all that it has started", async () => {
      await using gate = createGate();
      const spin = `spawn("setsid", ["sh", "-c", "trap '' TERM; sleep 61 & sleep 62"], { env: {}, stdio: "ignore", detached: true });
        await fetch(${JSON.stringify(gate.url)}); `;
      const id = await server.createSession();
      const pids = new Set(descendants(process.pid));
      await server.request("POST", `/sessions/${id}/messages`, { content: `${spin} while (true);` });
      await gate.arrivals(1);
      const started = () =>
        descendants(process.pid).filter((pid) => /sleep/.test(commandOf(pid)) && !pids.has(pid));
      await until("its children run", () => started().length >= 2);
      const children = started();
      expect((await server.request("POST", `/sessions/${id}/cancel`)).status).toBe(202);
      expect(children.filter(isAlive)).toEqual([]);
      expect((await server.request("GET", `/sessions/${id}`)).body.turn).toMatchObject({
        outcome: "cancelled",
        signal: "SIGKILL",
      });

      await using impatient = await serve({ timeout: 0.3 });
      const late = await impatient.turn(await impatient.createSession(), "while (true);");
      expect(late).toMatchObject({ error: "Agent timed out", turn: { outcome: "timed_out" } });
    });

    test("takes with it what left its process group and cleared its environment", async () => {
      const seconds = `60.${parseInt(crypto.randomUUID(), 16)}`; // By which it is found.
      const code = `const { pid } = spawn("setsid", ["sleep", "${seconds}"], { env: {}, stdio: "ignore", detached: true }); return pid > 2;`;
      expect(await run(server, code)).toBe(true);
      expect(descendants(1).filter((pid) => commandOf(pid).includes(seconds))).toEqual([]);
    });

    test("ends even when its sandbox hangs", async () => {
      await using gate = createGate();
      using own = temporaryFolder(); // By which its processes are found.
      await using alone = await serve({ sandboxWrite: [own.path] });
      const id = await alone.createSession();
      await alone.request("POST", `/sessions/${id}/messages`, { content: `await fetch("${gate.url}")` });
      await gate.arrivals(1);
      const [outer = 0, ...inner] = descendants(process.pid).filter((pid) =>
        commandOf(pid).includes(own.path),
      );
      expect(inner).not.toEqual([]);
      process.kill(outer, "SIGSTOP");
      expect((await alone.request("POST", `/sessions/${id}/cancel`)).status).toBe(202);
      await until("all are gone", () => ![outer, ...inner].some(isAlive));
    });
  });

  test("nothing is left when the server is killed", async () => {
    await using gate = createGate();
    await using child = startCli(
      ["serve", "start", "obeys.ts:agent", "--port", "0", "--no-compile", "--standby", "1", "--sandbox"],
      {},
    );
    const [, url = ""] = await new Output(child.stdout).until(/"url":"(http:[^"]*)"/);
    const client = new MotusClient(url);
    const { session_id } = await client.createSession();
    const code = `spawn("setsid", ["sleep", "64"], { env: {}, stdio: "ignore", detached: true }); await fetch("${gate.url}"); for (;;);`;
    await client.send(session_id, code);
    await gate.arrivals(1);
    gate.open();
    await until("its child runs", () =>
      descendants(child.pid).some((pid) => commandOf(pid).includes("sleep")),
    );
    const all = descendants(child.pid);
    expect(all.length).toBeGreaterThan(3);
    child.kill("SIGKILL");
    await until("all are gone", () => !all.some(isAlive));
  });

  test("several turns run at once, each in its own", async () => {
    await using wide = await serve({ workers: 6, standby: 2 });
    const name = "/tmp/mine";
    const code = (n: number) =>
      `fs.writeFileSync("${name}", "${n}"); await Bun.sleep(50); return fs.readFileSync("${name}", "utf8");`;
    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => run(wide, code(n))));
    expect(answers).toEqual(Array.from({ length: 12 }, (_, n) => String(n)));
  });

  describe("limits", () => {
    const remedy = "start the server with a larger";
    test("--max-memory: out_of_memory", async () => {
      await using small = await serve({ maxMemory: 250 });
      const eat =
        "const all = []; for (let mb = 0; mb < 600; mb += 10) all.push(new Uint8Array(10 * 1024 * 1024).fill(1)); Bun.sleepSync(1_000); return all.length";
      const session = await small.turn(await small.createSession(), eat);
      expect(session).toMatchObject({
        error: expect.stringContaining(remedy),
        turn: { outcome: "out_of_memory" },
      });
      expect(await run(small, "return 1")).toBe(1);
    });

    for (const standby of [0, 1]) {
      test(`--max-cpu: timed_out, with ${standby} on standby`, async () => {
        await using small = await serve({ maxCpu: 1, standby });
        const spin = "const end = performance.now() + 8_000; while (performance.now() < end);";
        const session = await small.turn(await small.createSession(), spin);
        expect(session).toMatchObject({
          error: expect.stringContaining(remedy),
          turn: { outcome: "timed_out", signal: "SIGKILL" },
        });
        expect(session.turn?.cpu_ms).toBeLessThan(3_000);
      });
    }

    test("--max-output: failed", async () => {
      await using small = await serve({ maxOutput: 1_000_000 });
      const flood = "for (let i = 0; i < 300; i++) console.log('x'.repeat(100_000))";
      const session = await small.turn(await small.createSession(), flood);
      expect(session).toMatchObject({ error: expect.stringContaining(remedy), turn: { outcome: "failed" } });
    });
  });

  test("a server is reached with a network, and not without", async () => {
    await using gate = createGate();
    gate.open();
    const ask = `try { return await (await fetch(${JSON.stringify(gate.url)})).text(); } catch { return "refused"; }`;
    expect(await run(server, ask)).toBe("open");
    await using alone = await serve({ sandboxNoNetwork: true });
    expect(await run(alone, ask)).toBe("refused");
    expect(await run(alone, "return Object.keys((await import('node:os')).networkInterfaces())")).toEqual([
      "lo",
    ]);
    expect(gate.arrived).toBe(1);
  });

  test("files with secrets cannot be read: those of the store, of tokens, and settings", async () => {
    using project = temporaryFolder();
    const at = (name: string) => join(project.path, name);
    writeFileSync(at("agent.ts"), readFileSync(join(import.meta.dir, "../fixtures/agents/obeys.ts")));
    writeFileSync(at("tokens"), "let-me-in\n");
    writeFileSync(at(".env"), "KEY=secret\n");
    writeFileSync(at(".env.example"), "KEY=\n");
    const headers = { authorization: "Bearer let-me-in" };
    await using closed = await startServer("agent.ts:agent", {
      folder: project.path,
      sandbox: true,
      store: `sqlite:${at("store.sqlite")}`,
      tokenFile: at("tokens"),
    });
    const { body: session } = await closed.request("POST", "/sessions", {}, headers);
    const path = `/sessions/${session.session_id}`;
    const code = `return Object.fromEntries(fs.readdirSync(".").sort().map((name) => {
      try { return [name, fs.readFileSync(name, "utf8").length]; } catch (error) { return [name, error.code]; } }));`;
    await closed.request("POST", `${path}/messages`, { content: code }, headers);
    const { body } = await closed.request("GET", `${path}?wait=true`, undefined, headers);
    expect(JSON.parse(body.response.content)).toEqual({
      ".env": "EACCES",
      ".env.example": 5,
      "agent.ts": expect.any(Number),
      "store.sqlite": "EACCES",
      "store.sqlite-lock": "EACCES",
      "store.sqlite-shm": "EACCES",
      "store.sqlite-wal": "EACCES",
      tokens: "EACCES",
    });
  });

  test("with a bubblewrap that is too old to keep namespaces from them, the kernel is out of reach all the same", async () => {
    using tools = fakeBwrap(
      'case "$*" in *--disable-userns*) echo "bwrap: Unknown option --disable-userns" >&2; exit 1;; esac; exec /usr/bin/bwrap "$@"',
    );
    const old = await withPath(tools.path, () => serve());
    await using _ = old;
    expect(await run(old, "return [process.pid, process.ppid]")).toEqual([2, 1]);
    const writes = ["/proc/sys/vm/swappiness", "/proc/irq/default_smp_affinity"]
      .filter((path) => existsSync(path))
      .map((path) =>
        run(
          old,
          `const text = fs.readFileSync("${path}"); try { fs.writeFileSync("${path}", text); return "written"; } catch (error) { return error.code; }`,
        ),
      );
    for (const code of await Promise.all(writes)) expect(code).toBe("EROFS");
    // In a namespace of its own it is root, and still cannot undo what it is in.
    const namespaces =
      "unshare -Urmpf --mount-proc sh -c 'cat /proc/sys/vm/swappiness > /proc/sys/vm/swappiness && echo written'; unshare -Urm sh -c 'mount -o remount,rw,bind / && echo writable; umount /tmp && echo open'";
    expect(
      await run(
        old,
        `return spawnSync("sh", ["-c", ${JSON.stringify(namespaces)}], { encoding: "utf8" }).stdout`,
      ),
    ).toBe("");
  });

  test("a saved change counts from the next turn on", async () => {
    using project = temporaryFolder();
    const says = (text: string) =>
      writeFileSync(
        join(project.path, "agent.ts"),
        `export const agent = (message, state) => [{ role: "assistant", content: ${JSON.stringify(text)} }, state];`,
      );
    says('"old"');
    await using watched = await startServer("agent.ts:agent", {
      folder: project.path,
      sandbox: true,
      watch: true,
      standby: 1,
    });
    expect(await run(watched, "")).toBe("old");
    says('"new"');
    expect(await run(watched, "")).toBe("new");
  });

  test("workers start compiled, in a build that is in a sandbox too", async () => {
    using cache = temporaryFolder();
    using project = temporaryFolder();
    const at = (name: string) => join(project.path, name);
    mkdirSync(at("node_modules/some"), { recursive: true });
    writeFileSync(at("package.json"), '{"dependencies":{"some":"1.0.0"}}');
    writeFileSync(
      at("node_modules/some/package.json"),
      '{"name":"some","version":"1.0.0","main":"index.js","type":"module"}',
    );
    // Packages are imported for a build.
    writeFileSync(
      at("node_modules/some/index.js"),
      `import { writeFileSync, readdirSync } from "node:fs";
       try { writeFileSync(${JSON.stringify(at("escaped"))}, "x"); } catch {}
       export const seen = readdirSync("/proc").filter((name) => /^\\d+$/.test(name)).length;`,
    );
    writeFileSync(
      at("agent.ts"),
      `import { seen } from "some";
       import { spawnSync } from "node:child_process";
       import { readFileSync, readlinkSync } from "node:fs";
       export const agent = (message, state) => {
         const { argv, argv0, execPath, title, pid } = process;
         const again = spawnSync(execPath, ["--print", "6 * 7"], { encoding: "utf8" }).stdout;
         // A child of the first process, as the worker is, with what tells that it is one.
         const file = readlinkSync("/proc/self/exe");
         const [, start] = /MOTUS_WORKER_START=([^\\0]*)/.exec(readFileSync("/proc/self/environ", "latin1")) ?? [];
         const env = { ...process.env, ...(start && { MOTUS_WORKER_START: start }) };
         const script = '(sleep 0.1; exec "$0" --print "[process.ppid, 6 * 7].join()") &';
         const orphan = spawnSync("sh", ["-c", script, file], { encoding: "utf8", env }).stdout;
         const left = process.env.MOTUS_WORKER_START ?? null;
         const content = JSON.stringify({ file, start, same: { seen, argv, argv0, execPath, title, pid, again, orphan, left } });
         return [{ role: "assistant", content }, state];
       };`,
    );
    const options = { folder: project.path, cacheDir: cache.path, sandbox: true, standby: 1 };
    await using source = await startServer("agent.ts:agent", options);
    const before = (await run(source, "")) as Seen;
    await using compiled = await startServer("agent.ts:agent", { ...options, compile: true });
    let after = before;
    await until("workers start compiled", async () => {
      after = (await run(compiled, "")) as Seen;
      return after.file.startsWith(join(cache.path, "executable-"));
    });
    expect(after.same).toEqual(before.same);
    expect(after.same).toMatchObject({ seen: 2, pid: 2, again: "42\n", orphan: "1,42\n", left: null });
    expect(JSON.parse(after.start ?? "")).toMatchObject({ pid: null });
    expect(existsSync(at("escaped"))).toBe(false);
  });
});

/** What an agent says that looks at its own process. */
interface Seen {
  file: string;
  /** What a compiled worker is told. */
  start?: string;
  same: Record<string, unknown>;
}

/** Something else that is called bwrap: a script of the shell. */
function fakeBwrap(script: string) {
  const folder = temporaryFolder();
  writeFileSync(join(folder.path, "bwrap"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return folder;
}

async function withPath<T>(folder: string, act: () => Promise<T>): Promise<T> {
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  try {
    return await act();
  } finally {
    process.env.PATH = before;
  }
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

describe("a server with --sandbox is refused", () => {
  const fixtures = join(import.meta.dir, "../fixtures/agents");
  const refusal = (options: AgentServerOptions) => {
    try {
      new AgentServer("obeys.ts:agent", { folder: fixtures, ...options });
    } catch (error) {
      if (MotusError.isInstance(error)) return `${error.code}: ${error.message}`;
    }
    return "not refused";
  };
  const isLinux = process.platform === "linux";

  test.skipIf(isLinux)("where it is not Linux", () => {
    expect(refusal({ sandbox: true })).toMatch(
      /^sandbox_unavailable: .* it needs Linux; leave out --sandbox$/,
    );
  });

  test.skipIf(!isLinux)("without bubblewrap", async () => {
    using nothing = temporaryFolder();
    const before = process.env.PATH;
    process.env.PATH = nothing.path;
    const said = refusal({ sandbox: true });
    process.env.PATH = before;
    expect(said).toBe(
      "sandbox_unavailable: Cannot run turns in a sandbox on this machine: it needs bubblewrap, and there is no bwrap in the PATH; install it (apt-get install bubblewrap), or leave out --sandbox",
    );
  });

  test.skipIf(!isLinux)(
    "where bubblewrap may not make namespaces, or is too old, with what it says",
    async () => {
      using unable = fakeBwrap(
        "echo 'bwrap: No permissions to create new namespace' >&2; echo more >&2; exit 1",
      );
      await withPath(unable.path, async () => {
        expect(refusal({ sandbox: true })).toBe(
          "sandbox_unavailable: Cannot run turns in a sandbox on this machine: bwrap: No permissions to create new namespace; allow this user to make namespaces (docs/security.md says how), or leave out --sandbox",
        );
        const { stdout, stderr, exitCode } = await runCli([
          "serve",
          "start",
          "obeys.ts:agent",
          "--port",
          "0",
          "--sandbox",
        ]);
        expect(stderr).toMatch(
          /^Error: Cannot run turns in a sandbox on this machine: bwrap: No permissions .*\n$/,
        );
        expect([stdout, exitCode]).toEqual(["", 2]);
      });
      for (const [said, remedy] of [
        ["Unknown option --size", "it needs bubblewrap 0.7 or newer"],
        ["The --size option is not permitted in setuid mode", "use a bwrap without the setuid bit"],
        ["Can't chdir to /nowhere: No such file or directory", "see docs/security.md"],
      ]) {
        using other = fakeBwrap(`echo "bwrap: ${said}" >&2; exit 1`);
        await withPath(other.path, async () => {
          const words = `on this machine: bwrap: ${said}; ${remedy}, or leave out --sandbox`;
          expect(refusal({ sandbox: true })).toEndWith(words);
        });
      }
    },
  );

  test.each([
    [
      { sandboxWrite: ["/tmp"] },
      "Cannot use --sandbox-write without a sandbox: add --sandbox, or leave it out",
    ],
    [
      { sandboxRead: ["/tmp"] },
      "Cannot use --sandbox-read without a sandbox: add --sandbox, or leave it out",
    ],
    [
      { sandboxNoNetwork: true },
      "Cannot use --sandbox-no-network without a sandbox: add --sandbox, or leave it out",
    ],
    [
      { sandbox: true, sandboxWrite: ["out"] },
      'Cannot use "out" as --sandbox-write: it takes a path from the root on, such as /data',
    ],
    [
      { sandbox: true, sandboxWrite: ["/nowhere/at/all"] },
      'Cannot use "/nowhere/at/all" as --sandbox-write: it is not there; make it first',
    ],
    [
      { sandbox: true, sandboxWrite: ["/"] },
      'Cannot use "/" as --sandbox-write: nothing would be kept in; name folders',
    ],
    [
      { sandbox: true, sandboxRead: ["~"] },
      'Cannot use "~" as --sandbox-read: it takes a path from the root on, such as /data',
    ],
    [
      { env: ["MOTUS_TOKEN"] },
      "Cannot pass on MOTUS_TOKEN: MOTUS_ variables are the server's own, its tokens among them, and never reach an agent",
    ],
    [
      { env: ["KEY=my-secret"] },
      "Cannot pass on a variable as --env: it takes a name alone, such as OPENAI_API_KEY; the value is the server's",
    ],
  ])("with %j", (options, message) => {
    expect(refusal(options)).toBe(`option_invalid: ${message}`);
  });

  test.skipIf(!isLinux || problem !== undefined).each([{ folder: tmpdir() }, { cacheDir: tmpdir() }])(
    "when what it needs is in a folder that is hidden with all that it holds: %j",
    (options) => {
      expect(refusal({ sandbox: true, ...options })).toBe(
        `option_invalid: Cannot run turns in a sandbox with what they need in ${tmpdir()}: all that it holds is hidden from them; use a folder below it`,
      );
    },
  );

  test("on the command line as well, with exit code 2", async () => {
    const { stderr, exitCode } = await runCli([
      "serve",
      "start",
      "obeys.ts:agent",
      "--port",
      "0",
      "--sandbox-write",
      "/tmp",
    ]);
    expect(stderr).toBe(
      "Error: Cannot use --sandbox-write without a sandbox: add --sandbox, or leave it out\n",
    );
    expect(exitCode).toBe(2);
  });
});
