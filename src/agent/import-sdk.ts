/** Imports the SDK that the user's agent was made with: the copy that the user's own file gets. */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { peerDependencies } from "../../package.json";
import { MotusError } from "../errors.ts";

export type SdkPackage = keyof typeof peerDependencies;

export class SdkImporter {
  /** About versions that are newer than all that was tried. */
  readonly warnings: string[] = [];
  readonly #file: string;

  /** @param file The user's file: packages are looked for from there. */
  constructor(file: string) {
    this.#file = file;
  }

  /**
   * Imports a package as the user's file would: `importer.import<typeof import("ai")>("ai")`.
   *
   * @param via Packages that lead to it, each of which depends on the next, where the user's file may not reach it.
   * @throws {MotusError} `agent_sdk_missing`, `agent_sdk_unsupported`.
   */
  async import<Module>(name: SdkPackage, ...via: SdkPackage[]): Promise<Module> {
    const path = this.#resolve(name, this.#file) ?? this.#resolveVia(name, via);
    if (path === undefined) {
      throw new MotusError(
        "agent_sdk_missing",
        `Cannot serve the agent: ${this.#file} cannot import ${name}, which is not installed; run: bun add ${name}`,
      );
    }
    this.#checkVersion(name, path);
    return import(path);
  }

  /** Checks the version of a package that is used without being imported; one that cannot be found passes. */
  check(name: SdkPackage): void {
    const path = this.#resolve(name, this.#file);
    if (path !== undefined) this.#checkVersion(name, path);
  }

  #resolveVia(name: SdkPackage, via: readonly SdkPackage[]): string | undefined {
    let file: string | undefined = this.#file;
    for (const step of via) file = file === undefined ? undefined : this.#resolve(step, file);
    return file === undefined ? undefined : this.#resolve(name, file);
  }

  #resolve(name: SdkPackage, file: string): string | undefined {
    try {
      return Bun.resolveSync(name, dirname(file));
    } catch {
      return undefined;
    }
  }

  #checkVersion(name: SdkPackage, path: string): void {
    const version = versionOf(name, path);
    const range: string = peerDependencies[name];
    if (version === undefined || Bun.semver.satisfies(version, range)) return;
    const oldest = /\d+\.\d+\.\d+/.exec(range)?.[0] ?? "0.0.0";
    const found = `${name} ${version} is installed, and motus knows ${range}`;
    if (Bun.semver.order(version, oldest) < 0) {
      throw new MotusError(
        "agent_sdk_unsupported",
        `Cannot serve the agent: ${found}; run: bun add "${name}@${range}"`,
      );
    }
    this.warnings.push(`${found}; if turns fail, run: bun add "${name}@${range}"`);
  }
}

function versionOf(name: string, path: string): string | undefined {
  const folder = join("node_modules", name);
  const start = path.lastIndexOf(folder);
  if (start === -1) return undefined;
  try {
    return JSON.parse(readFileSync(join(path.slice(0, start), folder, "package.json"), "utf8")).version;
  } catch {
    return undefined;
  }
}
