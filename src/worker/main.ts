/**
 * The worker process: loads the agent, waits for its only turn, runs it, says how it ended, and goes.
 *
 *     bun src/worker/main.ts <import path>     (started by src/pool/worker-process.ts, never by hand)
 *
 * It imports next to nothing: what is loaded here is paid for on every turn.
 */
import { loadAgent } from "../agent/load-agent.ts";
import type { AgentFunction } from "../agent/types.ts";
import { protocolVersion } from "../protocol/protocol-version.ts";
import { compiledRuntimeSettings } from "../protocol/runtime-settings.ts";
import type { FromWorker, ToWorker } from "../protocol/worker-message.ts";
import { exitAfterFlush } from "./exit-after-flush.ts";
import { rehearse } from "./rehearse.ts";
import { WorkerTurn } from "./turn.ts";

/** How long a worker waits for its end once its result has left; then the server has not understood it. */
const unheardMs = 5_000;
/** How long a worker outlives its channel. */
const orphanMs = 1_000;
const importPath = process.argv[2] ?? "";
// They were for the start of this process, and are not for the agent and what it starts.
for (const [name, value] of Object.entries(compiledRuntimeSettings))
  if (process.env[name] === value) delete process.env[name];
const agent = Promise.withResolvers<AgentFunction>();
/** The turn, from its start on; a worker has one. */
let turn: WorkerTurn | undefined;

process.on("message", (message: ToWorker) => {
  switch (message.type) {
    case "turn-start": {
      const started = new WorkerTurn(message, send);
      turn = started;
      void agent.promise.then((run) => started.run(run));
      return;
    }
    case "interrupt-answer":
      turn?.answer(message.interruptId, message.value);
      return;
    case "turn-ping":
      send({ type: "turn-pong" });
      return;
    case "turn-abort":
      turn?.abort(message.reason);
      return;
    case "worker-exit":
      exitAfterFlush(0);
      return;
  }
});
// Without its channel a worker can neither be told to stop nor deliver a result. The server, if there is one,
// ends it first and says why.
process.on("disconnect", () => setTimeout(() => process.exit(1), orphanMs));

loadAgent(importPath, process.cwd()).then(
  async ({ kind, run, warnings }) => {
    await rehearse();
    send({ type: "worker-ready", version: protocolVersion, agent: kind, warnings });
    agent.resolve(run);
  },
  (error) => {
    if (error.cause !== undefined) console.error(error.cause);
    send({ type: "worker-failed", code: error.code ?? "internal_error", message: error.message }, () =>
      exitAfterFlush(1),
    );
  },
);

function send(message: FromWorker, sent = message.type === "turn-end" ? exitUnheard : undefined): void {
  // Bun calls the fourth argument once the message has been handed to the kernel.
  process.send?.(message, undefined, undefined, sent);
}

/** The agent may have written to the channel itself, so that what came after it was swallowed. */
function exitUnheard(): void {
  setTimeout(() => process.exit(1), unheardMs);
}
