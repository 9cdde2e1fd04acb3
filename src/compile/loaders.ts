/** How files of code are read. */
import { extname } from "node:path";

export type Loader = "js" | "jsx" | "ts" | "tsx";

const loaders: Record<string, Loader> = {
  ".js": "jsx",
  ".mjs": "js",
  ".cjs": "js",
  ".jsx": "jsx",
  ".ts": "ts",
  ".mts": "ts",
  ".cts": "ts",
  ".tsx": "tsx",
};

/** Undefined for what is no code. */
export function loaderOf(file: string): Loader | undefined {
  return loaders[extname(file)];
}

/** Code as the runtime's own printer writes it: a statement a line, indented by where it is, without comments and types. */
export function printed(file: string, text: string): string {
  return new Bun.Transpiler({ loader: loaderOf(file) ?? "js" }).transformSync(text);
}
