/**
 * The bundler gives a number to what has the same name as something else in the bundle, and calls what has no name after its
 * file. Programs read names, those of errors most of all; so the code is made to give them back.
 */
import { printed } from "./loaders.ts";

/**
 * Classes name themselves before anything can read it, and so do functions at the start of a file. What is assigned has its
 * name at the end.
 */
export function keepNames(path: string, text: string, renamed: ReadonlySet<string>): string {
  const named = text
    .replace(classHead, (head, name: string) =>
      renamed.has(name) ? `${head} static { ${naming("this", name)} }` : head,
    )
    .replace(defaultClass, (head) => `${head} static { ${naming("this", "default")} }`)
    .replace(defaultFunction, (_, head: string) => `${head} $default`)
    .replace(defaultArrow, () => "const $default = ");
  const { functions, others } = topLevelNames(path, text, renamed);
  const first = functions.map((name) => naming(name, name));
  const last = others.map((name) => naming(name, name));
  if (named.includes("function $default") || named.includes("const $default = "))
    last.push(naming("$default", "default"));
  if (named.includes("const $default = ")) last.push("export { $default as default };");
  const start = /^#!.*\n/.exec(named)?.[0].length ?? 0;
  const whole = named.slice(0, start) + first.join(" ") + named.slice(start);
  return last.length === 0 ? whole : `${whole}\n${last.join(" ")}\n`;
}

const naming = (value: string, name: string) =>
  `typeof ${value} === "function" && globalThis.$motus?.named(${value}, /${name}/);`;

const heritage = "(?:\\s+extends\\s+[\\w$.]+(?:\\([\\w$.,\\s]*\\))?)?\\s*\\{";
const classHead = new RegExp(`(?<=^|[\\s=(,;:?])class\\s+(?!extends\\b)([A-Za-z_$][\\w$]*)${heritage}`, "g");
const defaultClass = new RegExp(
  `^[ \\t]*export\\s+default\\s+class(?![\\w$])(?!\\s+(?!extends\\b)[\\w$])${heritage}`,
  "gm",
);
const defaultFunction = /^([ \t]*export\s+default\s+(?:async\s+)?function\b\s*\*?)(?=\s*\()/gm;
const defaultArrow = /^[ \t]*export\s+default\s+(?=(?:async\s*)?(?:\([^()]*\)|[\w$]+)\s*=>)/gm;
const declaration =
  /^(?:export )?(?:default )?((?:async )?function\*? ?|class |const |let |var )([A-Za-z_$][\w$]*)/gm;

/** Of the names that the bundler changes, those that a file declares outside of functions. */
function topLevelNames(
  path: string,
  text: string,
  renamed: ReadonlySet<string>,
): { functions: string[]; others: string[] } {
  const functions = new Set<string>();
  const others = new Set<string>();
  const words = text.match(/[A-Za-z_$][\w$]*/g) ?? [];
  if (words.some((word) => renamed.has(word))) {
    for (const [, kind = "", name = ""] of printed(path, text).matchAll(declaration))
      if (renamed.has(name)) (kind.includes("function") ? functions : others).add(name);
  }
  return { functions: [...functions], others: [...others] };
}
