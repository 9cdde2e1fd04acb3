/** What workers are kept in and what they get of the environment, as options say it, and what cannot be meant. */
import { existsSync } from "node:fs";
import { isAbsolute, sep } from "node:path";
import { MotusError } from "../errors.ts";

/** The options about sandboxes. */
export interface SandboxOptions {
  sandbox: boolean;
  sandboxRead: readonly string[];
  sandboxWrite: readonly string[];
  sandboxNoNetwork: boolean;
  env: readonly string[] | null;
}

/** @throws {MotusError} `option_invalid`. */
export function checkSandbox(options: SandboxOptions): void {
  const { sandbox, sandboxRead, sandboxWrite, sandboxNoNetwork, env } = options;
  if (!sandbox && sandboxNoNetwork) throw withoutSandbox("--sandbox-no-network");
  for (const path of sandboxRead) checkPath("--sandbox-read", path, sandbox);
  for (const path of sandboxWrite) {
    checkPath("--sandbox-write", path, sandbox);
    if (path === sep)
      throw invalid(`Cannot use "/" as --sandbox-write: nothing would be kept in; name folders`);
  }
  for (const name of env ?? []) checkName(name);
}

function checkPath(flag: string, path: string, sandbox: boolean): void {
  if (!sandbox) throw withoutSandbox(flag);
  if (!isAbsolute(path))
    throw invalid(`Cannot use "${path}" as ${flag}: it takes a path from the root on, such as /data`);
  if (!existsSync(path)) throw invalid(`Cannot use "${path}" as ${flag}: it is not there; make it first`);
}

function checkName(name: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw invalid(
      "Cannot pass on a variable as --env: it takes a name alone, such as OPENAI_API_KEY; the value is the server's",
    );
  if (name.startsWith("MOTUS_"))
    throw invalid(
      `Cannot pass on ${name}: MOTUS_ variables are the server's own, its tokens among them, and never reach an agent`,
    );
}

function withoutSandbox(flag: string): MotusError {
  return invalid(`Cannot use ${flag} without a sandbox: add --sandbox, or leave it out`);
}

function invalid(message: string): MotusError {
  return new MotusError("option_invalid", message);
}
