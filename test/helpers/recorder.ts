/**
 * Who a process talks to, and all that it starts: every address that any of them connects or sends to, as the kernel sees
 * it (`strace`, Linux). Nothing in a program can pass it by, as it could a `fetch` that was replaced.
 */
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./until.ts";

const isInstalled = Bun.which("strace") !== null;
const isAllowed = isInstalled && Bun.spawnSync(["strace", "-qq", "-o", "/dev/null", "true"]).success;

/** Whether anything can be recorded. In CI a missing `strace` is a failure, or nobody would notice that it is missing. */
export const canRecord = isAllowed || (!isInstalled && process.env.CI === "true");
/** Belongs to the title of a test, so that a skipped one says why. */
export const skipReason = canRecord
  ? ""
  : ` (skipped: ${isInstalled ? "strace may not be used here" : "there is no strace"})`;

export interface Recording extends AsyncDisposable {
  child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  /** Once the process has ended: where it, or a process below it, went besides the addresses that are allowed. */
  strangers(...allowed: string[]): Promise<string[]>;
}

/** Starts a command under the recorder; `child` is the command itself. */
export function record(command: string[], environment: Record<string, string> = {}): Recording {
  const file = join(tmpdir(), `motus-recorder-${crypto.randomUUID()}`);
  const calls = "trace=connect,sendto,sendmsg,sendmmsg";
  // Detached, so that the command is our own child, with its signals and its exit code.
  const tracer = ["strace", "-D", "-f", "--seccomp-bpf", "-e", calls, "-e", "signal=none", "-o", file];
  const child = Bun.spawn([...tracer, ...command], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return {
    child,
    async strangers(...allowed) {
      await child.exited;
      const end = new RegExp(`^${child.pid} +\\+\\+\\+ (exited|killed)`, "m");
      await until("the recorder has written all", () => end.test(readFileSync(file, "utf8")));
      const lines = readFileSync(file, "utf8").split("\n");
      const found = lines.flatMap((line) => addressIn(line) ?? []);
      return [...new Set(found)].filter((address) => !allowed.includes(address)).sort();
    },
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await child.exited;
      await rm(file, { force: true });
    },
  };
}

/** Where a call leads that leaves the process: `127.0.0.1:80`, or what it is that asks for a name. */
function addressIn(line: string): string | undefined {
  if (line.includes("/nscd/socket") || line.includes("/resolve/io.systemd.Resolve"))
    return "a name that was looked up";
  const ip4 = /sin_port=htons\((\d+)\), sin_addr=inet_addr\("([^"]+)"\)/.exec(line);
  if (ip4 !== null) return `${ip4[2]}:${ip4[1]}`;
  const ip6 = /sin6_port=htons\((\d+)\).*inet_pton\(AF_INET6, "([^"]+)"/.exec(line);
  return ip6 === null ? undefined : `[${ip6[2]}]:${ip6[1]}`;
}
