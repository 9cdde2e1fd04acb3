/** A server as its users have it: a process of its own, started by the command line, which a test may hurt. */
import { spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MotusClient } from "motus-serve/client";
import { mainFile } from "../cli/run-cli.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";
import { markedProcesses, markVariable } from "./census.ts";

const agents = join(import.meta.dir, "agents");
const maxStartMs = 30_000;

export interface ServeOptions {
  flags?: string[];
  environment?: Record<string, string>;
  /** What stands before the command, to start it with less than this process has. */
  prefix?: string[];
}

export interface Served extends AsyncDisposable {
  pid: number;
  url: string;
  client: MotusClient;
  /** Names all processes that the server has started. */
  mark: string;
  /** What it said so far, on stdout and stderr. */
  log(): string;
  /** Ends the server itself and nothing else; resolves with its exit code. */
  signal(name: "SIGKILL" | "SIGTERM"): Promise<number | null>;
  exited: Promise<number>;
}

/** Starts a server and resolves when it serves; fails with what it said when it ends before. */
export async function serve(agent: string, options: ServeOptions = {}): Promise<Served> {
  const started = start(agent, options);
  const deadline = performance.now() + maxStartMs;
  while (started.child.exitCode === null && performance.now() < deadline) {
    const [, url] = /"url":"(http:[^"]*)"/.exec(started.log()) ?? [];
    if (url !== undefined) {
      const { child, mark, log } = started;
      const signal = async (name: "SIGKILL" | "SIGTERM") => {
        child.kill(name);
        await child.exited;
        return child.exitCode;
      };
      const client = new MotusClient(url);
      return { ...started, pid: child.pid, exited: child.exited, url, client, mark, log, signal };
    }
    await Bun.sleep(5);
  }
  const said = started.log();
  await started[Symbol.asyncDispose]();
  throw new Error(`The server did not start. It said:\n${said}`);
}

/** Starts a server that is not expected to serve; resolves with how it ended. */
export async function refuse(agent: string, options: ServeOptions = {}) {
  await using started = start(agent, options);
  const overdue = setTimeout(() => started.child.kill("SIGKILL"), maxStartMs);
  const exitCode = await started.child.exited;
  clearTimeout(overdue);
  return { exitCode, said: started.log() };
}

function start(agent: string, { flags = [], environment = {}, prefix = [] }: ServeOptions) {
  const folder = temporaryFolder();
  const mark = crypto.randomUUID();
  // A file and not a pipe: a server must not wait for a test that is busy.
  const logFile = join(folder.path, "log");
  const output = openSync(logFile, "a");
  const command = [mainFile, "serve", "start", agent, "--port", "0", "--log-format", "json", ...flags];
  const child = Bun.spawn([...prefix, process.execPath, ...command], {
    cwd: agents,
    env: { ...process.env, MOTUS_TOKEN: "", ...environment, [markVariable]: mark },
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const dispose = async () => {
    child.kill("SIGKILL");
    await child.exited;
    for (const pid of markedProcesses(mark)) kill(pid);
    folder[Symbol.dispose]();
  };
  return { child, mark, log: () => readFileSync(logFile, "utf8"), [Symbol.asyncDispose]: dispose };
}

/** Resolves when no process of a server is left, which must be soon; returns how many there were at first. */
export async function untilNoneLeft(mark: string, withinMs = 2_000): Promise<number> {
  const found = markedProcesses(mark).length;
  const deadline = performance.now() + withinMs;
  for (;;) {
    const left = markedProcesses(mark);
    if (left.length === 0) return found;
    if (performance.now() > deadline) {
      const names = left.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " "));
      throw new Error(
        `${left.length} processes outlived their server by ${withinMs} ms: ${names.join("; ")}`,
      );
    }
    await Bun.sleep(20);
  }
}

/** Changes a limit of a process that runs, such as `--nofile=64`. */
export function setLimit(pid: number, limit: string, uid = process.getuid?.()): void {
  const command = ["prlimit", "--pid", String(pid), limit];
  const { status, stderr } = spawnSync("setpriv", [`--reuid=${uid}`, ...command], { encoding: "utf8" });
  if (status !== 0) throw new Error(`prlimit failed: ${stderr}`);
}

/** Whether the server says that it is ready. */
export async function isReady(url: string): Promise<boolean> {
  return (await fetch(`${url}/ready`)).status === 200;
}

export function untilReady(url: string): Promise<void> {
  return until("the server is ready", () => isReady(url));
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone.
  }
}
