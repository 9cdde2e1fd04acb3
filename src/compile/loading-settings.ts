/** Settings of a folder, or of the environment, that change how a runtime loads modules. */
import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Parts of a bunfig.toml that are about other things. */
const harmless = new Set(["install", "test", "run", "serve", "telemetry", "logLevel"]);

/** Why a program would behave differently when its packages are compiled, a sentence each. */
export function loadingSettings(folder: string, environment: Record<string, string | undefined>): string[] {
  const obstacles: string[] = [];
  const home = environment.XDG_CONFIG_HOME || environment.HOME || homedir();
  for (const bunfig of [join(folder, "bunfig.toml"), join(home, ".bunfig.toml")]) {
    const setting = settingsOf(bunfig).find((name) => !harmless.has(name));
    if (setting !== undefined) obstacles.push(`${bunfig} has the setting "${setting}"`);
  }
  for (const name of ["BUN_OPTIONS", "BUN_INSPECT_PRELOAD"])
    if (environment[name]) obstacles.push(`${name} is set`);
  return obstacles;
}

function settingsOf(file: string): string[] {
  if (!existsSync(file)) return [];
  try {
    return Object.keys(Bun.TOML.parse(readFileSync(file, "utf8")));
  } catch {
    return []; // No runtime starts with it.
  }
}
