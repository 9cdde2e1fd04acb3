/** What a module exports, so that two ways of loading it can be compared: each name, and what kind of thing it is. */
export type ExportKinds = Record<string, string>;

export function exportKinds(exports: Record<string, unknown>): ExportKinds {
  const kinds: ExportKinds = {};
  for (const name of Object.keys(exports).sort()) {
    // A mark of the bundler's, and of some modules; no user imports it.
    if (name !== "__esModule") kinds[name] = kindOf(exports[name]);
  }
  return kinds;
}

function kindOf(value: unknown): string {
  if (typeof value === "function") return `function ${value.name}/${value.length}`;
  if (value === null) return "null";
  if (typeof value === "object") return `object of ${Object.keys(value).length}`;
  return typeof value;
}
