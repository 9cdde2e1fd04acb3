/**
 * Floor (b): a bare loop of one-shot workers, without HTTP. A turn is over when its worker is gone.
 *
 * Started with an ipc channel: it takes a Load and answers with a LoadResult, again and again.
 */
import { fileURLToPath } from "node:url";
import type { ChatMessage } from "motus-serve";
import { type Load, runLoad } from "../load.ts";

const worker = fileURLToPath(new URL("one-shot-worker.ts", import.meta.url));

async function turn(): Promise<void> {
  const message: ChatMessage = { role: "user", content: "Hello!" };
  let answer: ChatMessage | undefined;
  const child = Bun.spawn([process.execPath, worker], {
    stdio: ["ignore", "ignore", "inherit"],
    ipc: (received, process) => {
      if (received === "ready") process.send({ message, state: [] });
      else answer = received.response;
    },
  });
  const exitCode = await child.exited;
  if (exitCode !== 0 || answer?.content !== "echo: Hello!")
    throw new Error(`Wrong answer: ${JSON.stringify(answer)}, exit code ${exitCode}`);
}

process.on("message", (load: Load) => void runLoad(load, turn).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit(0));
