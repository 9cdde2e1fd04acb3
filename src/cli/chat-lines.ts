import { createInterface } from "node:readline";
import type { Leave } from "./leave-on-signal.ts";

/** The messages that are typed, with line editing and history, or piped in: one for each line that says something. */
export async function* chatLines(leave: Leave): AsyncGenerator<string, void> {
  if (leave.signal.aborted) return;
  const isTerminal = process.stdin.isTTY && process.stdout.isTTY;
  const lines = createInterface({
    input: process.stdin,
    ...(isTerminal && { output: process.stdout }),
    terminal: isTerminal,
  });
  // A terminal in line-editing mode sends Ctrl+C as a key and not as a signal.
  lines.on("SIGINT", () => leave.now("SIGINT"));
  leave.signal.addEventListener("abort", () => lines.close());
  try {
    if (isTerminal) lines.prompt();
    for await (const line of lines) {
      if (line.trim() !== "") yield line;
      if (leave.signal.aborted) break;
      if (isTerminal) lines.prompt();
    }
  } finally {
    lines.close();
    if (isTerminal) process.stdout.write("\n");
  }
}
