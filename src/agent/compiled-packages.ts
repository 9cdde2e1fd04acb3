/** The packages that are part of a worker executable, by name; none where the worker runs from source. */

/** What a module exports. */
export type Exports = Record<string, unknown>;

// On the global object, because the user's files and the executable's own code both look there.
const key = Symbol.for("motus.packages");
const holder = globalThis as { [key]?: Map<string, () => Exports> };

export function compiledPackage(name: string): Exports | undefined {
  return holder[key]?.get(name)?.();
}

/** All of them, to be filled when an executable starts. */
export function compiledPackages(): Map<string, () => Exports> {
  holder[key] ??= new Map();
  return holder[key];
}
