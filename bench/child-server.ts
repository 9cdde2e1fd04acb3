/** Servers under test, each a child process, so that its CPU and memory are its own. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ChildServer extends AsyncDisposable {
  pid: number;
  url: string;
}

const folder = import.meta.dir;
const cli = join(folder, "../src/cli/main.ts");
const maxStartMs = 20_000;
const maxStopMs = 5_000;

// A benchmark that is ended early takes its servers with it.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

/** motus with an agent, started as its users start it. */
export function startMotus(
  flags: string[] = [],
  agent = join(folder, "echo-agent.ts:agent"),
): Promise<ChildServer> {
  return startServer([cli, "serve", "start", agent, "--port", "0", ...flags]);
}

/** Starts a Bun program that says its address, and resolves when it has said it. */
export async function startServer(command: string[]): Promise<ChildServer> {
  const scratch = mkdtempSync(join(tmpdir(), "motus-bench-"));
  // A file and not a pipe: reading the server's log must not cost the client that measures it anything.
  const logFile = join(scratch, "log");
  const log = openSync(logFile, "a");
  const child = Bun.spawn([process.execPath, ...command], {
    stdio: ["ignore", log, log],
    // Without it, a child gets the environment as it was when this process started.
    env: process.env,
  });
  closeSync(log);
  process.once("exit", () => child.kill("SIGKILL"));
  const stop = async () => {
    child.kill("SIGTERM");
    const overdue = setTimeout(() => child.kill("SIGKILL"), maxStopMs);
    await child.exited;
    clearTimeout(overdue);
    rmSync(scratch, { recursive: true, force: true });
  };
  const deadline = performance.now() + maxStartMs;
  while (child.exitCode === null && performance.now() < deadline) {
    const url = /http:\/\/127\.0\.0\.1:[1-9]\d*/.exec(readFileSync(logFile, "utf8"));
    if (url !== null) return { pid: child.pid, url: url[0], [Symbol.asyncDispose]: stop };
    await Bun.sleep(20);
  }
  const said = readFileSync(logFile, "utf8");
  await stop();
  throw new Error(
    `Cannot start ${command.join(" ")}: it gave no address within ${maxStartMs} ms. It said:\n${said}`,
  );
}
