import type { Command } from "commander";
import { MotusClientError, type TurnLogs } from "../client/client.ts";
import { clientCommand, connect, withSessionId } from "./client-command.ts";
import { printJson, write } from "./print.ts";

export function addLogs(serve: Command): void {
  withSessionId(clientCommand(serve, "logs", "Print what a turn's process wrote, to stdout and stderr"))
    .argument("[turn_id]", "Which turn (default: the last that has ended)")
    .option("--json", "Print the JSON of both, with times (default: the texts)")
    .action(async (url: string, id: string, turnId: string | undefined, { json }: { json?: true }) => {
      const client = await connect(url);
      const logs = await client.logs(id, turnId ?? lastTurn(await client.turns(id)));
      await (json ? printJson(logs) : printLogs(logs));
    });
}

function lastTurn(turns: readonly { turn_id: string }[]): string {
  const last = turns.at(-1);
  if (last !== undefined) return last.turn_id;
  throw new MotusClientError("turn_not_found", "Cannot print logs: no turn has ended in this session yet");
}

async function printLogs({ stdout, stderr }: TurnLogs): Promise<void> {
  for (const [name, { cut_bytes }] of Object.entries({ stdout, stderr })) {
    if (cut_bytes > 0) console.error(`${name} is cut: ${cut_bytes} bytes before this are not kept`);
  }
  await write(stdout.entries.map(({ text }) => text).join(""));
  process.stderr.write(stderr.entries.map(({ text }) => text).join(""));
}
