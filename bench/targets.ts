/** What turn-latency.ts compares: the floors and motus behind one interface. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type ChildServer, startMotus, startServer } from "./child-server.ts";
import type { Program } from "./floors/program-loop.ts";
import { type Load, type LoadResult, runLoad } from "./load.ts";
import { createSessions, turn } from "./turn-client.ts";

export interface Target extends AsyncDisposable {
  name: string;
  /** The server; what it starts are its descendants. */
  pid: number;
  /** Where it is reached, if over HTTP. */
  url?: string;
  /** Makes what a load needs; its cost is not part of the load. */
  prepare(load: Load): Promise<() => Promise<LoadResult>>;
}

/** So many that no session's state grows long, whatever the load. */
const sessionsForLoad = 512;

const inFloors = (file: string) => fileURLToPath(new URL(`floors/${file}`, import.meta.url));

export async function startInProcess(name: string): Promise<Target> {
  return httpTarget(name, await startServer([inFloors("in-process-server.ts")]));
}

/** An agent and what it says to "Hello"; the echo agent unless given. */
export interface BenchAgent {
  path: string;
  answer: string;
}

export async function startMotusTarget(
  name: string,
  flags: string[] = [],
  agent?: BenchAgent,
): Promise<Target> {
  return httpTarget(name, await startMotus(flags, agent?.path), agent?.answer);
}

/** Workers as anybody would write them. */
export function startOneShotLoop(name: string): Promise<Target> {
  return startLoop(name, [inFloors("one-shot-loop.ts")]);
}

/** The same, as a compiled executable that has the agent in it: nobody can start less. */
export async function startSmallestLoop(name: string): Promise<Target> {
  const folder = mkdtempSync(join(tmpdir(), "motus-bench-"));
  const executable = join(folder, "worker");
  await Bun.build({
    entrypoints: [inFloors("one-shot-worker.ts")],
    target: "bun",
    format: "cjs",
    bytecode: true,
    compile: { outfile: executable },
  });
  const loop = await startLoop(name, [inFloors("one-shot-loop.ts"), executable]);
  return {
    ...loop,
    [Symbol.asyncDispose]: async () => {
      await loop[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The workers of motus, without motus. */
export function startProgramLoop(name: string, program: Program): Promise<Target> {
  return startLoop(name, [inFloors("program-loop.ts"), JSON.stringify(program)]);
}

async function startLoop(name: string, command: string[]): Promise<Target> {
  let arrived = Promise.withResolvers<LoadResult>();
  const child = Bun.spawn([process.execPath, ...command], {
    stdio: ["ignore", "ignore", "inherit"],
    env: process.env,
    ipc: (result: LoadResult) => arrived.resolve(result),
    onExit: () => arrived.reject(new Error(`${name} has ended`)),
  });
  return {
    name,
    pid: child.pid,
    prepare: async (load) => () => {
      arrived = Promise.withResolvers<LoadResult>();
      child.send(load);
      return arrived.promise;
    },
    [Symbol.asyncDispose]: async () => {
      arrived.promise.catch(() => {});
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

function httpTarget(name: string, server: ChildServer, answer?: string): Target {
  return {
    name,
    pid: server.pid,
    url: server.url,
    prepare: async (load) => {
      const perClient = Math.min(load.maxTurns, Math.floor(sessionsForLoad / load.clients));
      const sessions = await createSessions(server.url, perClient * load.clients);
      const turns = new Array<number>(load.clients).fill(0);
      return () =>
        runLoad(load, (client) => {
          const number = turns[client]!++;
          const session = sessions[client * perClient + (number % perClient)]!;
          if (answer === undefined) return turn(server.url, session, `${client}.${number}`);
          return turn(server.url, session, "Hello", answer);
        });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}
