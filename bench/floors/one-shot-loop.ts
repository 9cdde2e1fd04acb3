/**
 * Floor (b): a bare loop of one-shot workers, without HTTP. A turn is over when its worker is gone. Given an executable, that
 * is the worker, and it is killed as soon as its answer is in, which is the least that a process can cost.
 *
 * Started with an ipc channel: it takes a Load and answers with a LoadResult, again and again.
 */
import { fileURLToPath } from "node:url";
import type { ChatMessage } from "motus-serve";
import { type Load, runLoad } from "../load.ts";

const [, , executable] = process.argv;
const worker = fileURLToPath(new URL("one-shot-worker.ts", import.meta.url));
const command = executable === undefined ? [process.execPath, worker] : [executable];

async function turn(): Promise<void> {
  const message: ChatMessage = { role: "user", content: "Hello!" };
  let answer: ChatMessage | undefined;
  const child = Bun.spawn(command, {
    stdio: ["ignore", "ignore", "inherit"],
    ipc: (received, process) => {
      if (received === "ready") process.send({ message, state: [] });
      else {
        answer = received.response;
        if (executable !== undefined) process.kill("SIGKILL");
      }
    },
  });
  await child.exited;
  if (answer?.content !== "echo: Hello!") throw new Error(`Wrong answer: ${JSON.stringify(answer)}`);
}

process.on("message", (load: Load) => void runLoad(load, turn).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit(0));
