/** Runs a small program over a real server twice, from source and compiled, and tells what it saw each time. */
import { expect } from "bun:test";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { AgentServerOptions } from "motus-serve";
import { startServer } from "../helpers/start-server.ts";

/** Files by their paths. `program.ts` exports `observe()`, whose result is compared. */
export type Program = Record<string, string | Uint8Array | { link: string }>;

export interface BothWays {
  /** What the program saw from source. */
  source: unknown;
  /** What it saw once the server had compiled it, or had said why not. */
  compiled: unknown;
  /** What the server's log said of it: "workers start compiled", or "workers start from source: …". */
  line: string;
}

export class Workshop implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "motus-faithful-"));
  readonly cacheDir = join(this.folder, "cache");
  #programs = 0;

  /** Writes a program into a folder of its own. */
  async write(program: Program): Promise<string> {
    this.#programs += 1;
    const folder = join(this.folder, `program-${this.#programs}`);
    const files: Program = { "agent.ts": agent, ...program };
    for (const [path, content] of Object.entries(files)) {
      const file = join(folder, path);
      if (typeof content === "string" || content instanceof Uint8Array) await Bun.write(file, content);
      else {
        await Bun.write(join(dirname(file), ".keep"), "");
        symlinkSync(content.link, file);
      }
    }
    return folder;
  }

  async runBothWays(
    program: Program,
    environment: Record<string, string | undefined> = {},
  ): Promise<BothWays> {
    const folder = await this.write(program);
    const [source] = await this.run(folder, { compile: false }, environment);
    const [compiled, line] = await this.run(folder, {}, environment);
    return { source, compiled, line };
  }

  /** A program that is compiled, and sees the same. @returns what it saw. */
  async isSame(program: Program, environment?: Record<string, string | undefined>): Promise<unknown> {
    const { source, compiled, line } = await this.runBothWays(program, environment);
    expect(line).toBe("workers start compiled");
    expect(compiled).toEqual(source);
    return source;
  }

  /** A program that runs from source, for a reason that is said in one line. @returns what it saw. */
  async isRefused(program: Program, why: RegExp): Promise<unknown> {
    const { source, compiled, line } = await this.runBothWays(program);
    expect(line).toMatch(/^workers start from source: [^\n]+$/);
    expect(line.slice("workers start from source: ".length)).toMatch(why);
    expect(compiled).toEqual(source);
    return source;
  }

  /** Runs one turn when the log has said how workers start. */
  async run(
    folder: string,
    options: AgentServerOptions = {},
    environment: Record<string, string | undefined> = {},
  ): Promise<[seen: unknown, line: string]> {
    const line = Promise.withResolvers<string>();
    const listen = (_: object, text: string) => {
      if (text.startsWith("workers start")) line.resolve(text);
    };
    const logger = { debug() {}, info: listen, warn: listen, error() {} };
    const before = { ...process.env };
    setEnvironment(environment);
    try {
      await using server = await startServer("agent.ts:agent", {
        folder,
        logger,
        compile: true,
        cacheDir: this.cacheDir,
        ...options,
      });
      const said = await line.promise;
      const { status, response, error } = await server.turn(await server.createSession(), "hello");
      if (status !== "idle") throw new Error(`The turn ended with ${JSON.stringify(error ?? status)}`);
      return [JSON.parse(String(response?.content)), said];
    } finally {
      setEnvironment(Object.fromEntries(Object.keys(environment).map((name) => [name, before[name]])));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

const agent = `
import { observe } from "./program.ts";
export const agent = async (_, state) => [{ role: "assistant", content: JSON.stringify(await observe()) }, state];
`;

function setEnvironment(environment: Record<string, string | undefined>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

/** A package: its files below `node_modules`, with a package.json unless there is one. */
export function packageOf(name: string, files: Program, manifest: object = {}): Program {
  const folder = `node_modules/${name}`;
  const described = { "package.json": JSON.stringify({ name, version: "1.0.0", ...manifest }), ...files };
  return Object.fromEntries(
    Object.entries(described).map(([path, content]) => [`${folder}/${path}`, content]),
  );
}
