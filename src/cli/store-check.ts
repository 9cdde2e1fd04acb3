import type { Command } from "commander";
import type { StoreCounts, StoreReport } from "../session/sqlite/check-store.ts";
import { print, printJson } from "./print.ts";

const exitCodes = `
Exit codes:
  0  The file is whole
  1  It is damaged: stderr says how
  2  It is no store that this motus knows, or the command line is wrong`;

export function addStoreCheck(store: Command): void {
  store
    .command("check")
    .description("Read a store's whole file, also while a server uses it, and print whether it is whole")
    .argument("<file>", "The file, without sqlite:")
    .option("--json", "Print one JSON object (default: text for people)")
    .addHelpText("after", exitCodes)
    .action(check);
}

async function check(file: string, flags: { json?: true }): Promise<void> {
  const { checkStore } = await import("../session/sqlite/check-store.ts");
  const report = checkStore(file);
  const { path, schema, damages, counts } = report;
  if (flags.json) {
    await printJson({ file: path, schema, damages, counts: counts && countsJson(counts) });
  } else {
    await print(await toText(report));
  }
  for (const damage of damages) console.error(`Damaged: ${damage}`);
  if (damages.length > 0) process.exitCode = 1;
}

async function toText({ path, schema, damages, counts }: StoreReport): Promise<string> {
  const { alignFacts } = await import("./align.ts");
  const facts: [string, string][] = [
    ["file", path],
    ["schema", String(schema)],
    ["whole", damages.length === 0 ? "yes" : "no: restore a backup, or export what can be read"],
  ];
  if (counts !== null) {
    const { sessions, ...others } = countsJson(counts);
    const statuses = Object.entries(sessions).map(([status, rows]) => `${rows} ${status}`);
    facts.push(["sessions", statuses.join(", ") || "none"]);
    for (const [name, rows] of Object.entries(others)) facts.push([name.replace("_", " "), String(rows)]);
  }
  return alignFacts(facts);
}

function countsJson({ sessions, messages, acceptedTurns, endedTurns, events, webhooks }: StoreCounts) {
  return {
    sessions,
    messages,
    unfinished_turns: acceptedTurns,
    ended_turns: endedTurns,
    events,
    undelivered_webhooks: webhooks,
  };
}
