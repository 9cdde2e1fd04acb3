import type { Command } from "commander";
import type { ExportedSession } from "../session/sqlite/export-store.ts";
import { write } from "./print.ts";

const exitCodes = `
Exit codes:
  0  Everything was printed
  1  The file is damaged, or cannot be read now: what could be read was printed
  2  It is no store that this motus knows, or the command line is wrong`;

/** How much is written at once. */
const pieceCharacters = 256 * 1024;

export function addStoreExport(store: Command): void {
  store
    .command("export")
    .description("Print a store's sessions, one JSON object a line with messages and turns")
    .argument("<file>", "The file, without sqlite:; a server may use it meanwhile")
    .addHelpText("after", exitCodes)
    .action(exportAndPrint);
}

async function exportAndPrint(file: string): Promise<void> {
  const { exportStore } = await import("../session/sqlite/export-store.ts");
  const { sessionView, turnView } = await import("../server/session-view.ts");
  const { MotusError } = await import("../errors.ts");
  const lineOf = ({ session, messages, turns }: ExportedSession) => {
    const ended = turns.map((turn) => ({ ...turnView(turn), logs: turn.logs }));
    const fields = JSON.stringify(sessionView(session)).slice(0, -1);
    return `${fields},"messages":[${messages.join(",")}],"turns":${JSON.stringify(ended)}}\n`;
  };
  let piece = "";
  try {
    for (const exported of exportStore(file)) {
      piece += lineOf(exported);
      if (piece.length < pieceCharacters) continue;
      if (!(await write(piece))) return;
      piece = "";
    }
  } catch (error) {
    if (!MotusError.isInstance(error) || error.code !== "store_unavailable") throw error;
    console.error(`Error: ${error.message}`);
    process.exitCode = 1;
  }
  await write(piece);
}
