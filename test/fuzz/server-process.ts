/** A server in a process of its own, whose memory, descriptors and log can be looked at. */
import { readdirSync, readFileSync } from "node:fs";
import { MotusClient } from "motus-serve/client";
import { startCli } from "../cli/run-cli.ts";

export interface ServerProcess extends AsyncDisposable {
  url: string;
  pid: number;
  client: MotusClient;
  /** Lines of its log that are errors, and whatever is no line of a log. */
  complaints: string[];
  /** How many files and sockets it holds open. */
  descriptors(): number;
  /** Its resident memory. */
  megabytes(): number;
}

/** `motus serve start` on a free port, once it says where it listens. */
export async function startServerProcess(
  parameters: string[],
  environment: Record<string, string> = {},
): Promise<ServerProcess> {
  const start = ["serve", "start", "--port", "0", "--log-format", "json", ...parameters];
  const child = startCli(start, environment);
  const complaints: string[] = [];
  const listening = Promise.withResolvers<string>();
  for (const output of [child.stdout, child.stderr]) {
    void readLines(output, (line) => {
      const url = /"url":"(http:[^"]*)"/.exec(line)?.[1];
      if (url !== undefined && line.includes('"msg":"serving')) listening.resolve(url);
      else if (!/^\{"level":"(debug|info|warn)"/.test(line)) complaints.push(line);
    });
  }
  void child.exited.then((code) =>
    listening.reject(new Error(`exit code ${code}: ${complaints.join("\n")}`)),
  );
  const url = await listening.promise;
  return {
    url,
    pid: child.pid,
    client: new MotusClient(url, environment.MOTUS_TOKEN ? { token: environment.MOTUS_TOKEN } : {}),
    complaints,
    descriptors: () => readdirSync(`/proc/${child.pid}/fd`).length,
    megabytes: () =>
      Number(/VmRSS:\s*(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await child.exited;
    },
  };
}

/** A whole turn of the agent: its answer. */
export async function converse(client: MotusClient): Promise<string | undefined> {
  const { session_id } = await client.createSession();
  await client.send(session_id, "Hello!");
  const { response } = await client.wait(session_id);
  await client.deleteSession(session_id);
  return response?.content;
}

async function readLines(output: ReadableStream<Uint8Array>, take: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of output) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
  }
  if (rest !== "") take(rest);
}
