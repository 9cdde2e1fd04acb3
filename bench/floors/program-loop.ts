/**
 * Floor: a bare loop that starts motus's own workers, without HTTP, sessions or standbys. Each gets its turn when it is
 * ready, and is killed when its answer is in; a turn is over when its process is gone.
 *
 * Started with an ipc channel and a Program as JSON: it takes a Load and answers with a LoadResult, again and again.
 */
import { type Load, runLoad } from "../load.ts";

export interface Program {
  command: string[];
  environment: Record<string, string>;
  importPath: string;
  /** What every turn has to answer. */
  answer: string;
}

const program = JSON.parse(process.argv[2] ?? "{}") as Program;
// The executable believes only the process that has started it.
const { MOTUS_WORKER_START: start } = program.environment;
const environment = {
  ...process.env,
  ...program.environment,
  ...(start !== undefined && {
    MOTUS_WORKER_START: JSON.stringify({ ...JSON.parse(start), pid: process.pid }),
  }),
} as Record<string, string>;

async function turn(): Promise<void> {
  let said = "";
  const child = Bun.spawn([...program.command, program.importPath], {
    stdio: ["ignore", "ignore", "inherit"],
    serialization: "advanced",
    detached: true,
    env: environment,
    ipc: (message, child) => {
      if (message.type === "worker-ready") {
        child.send({
          type: "turn-start",
          sessionId: crypto.randomUUID(),
          turnId: crypto.randomUUID(),
          message: '{"role":"user","content":"Hello"}',
          state: [],
        });
      } else if (message.type === "turn-end") {
        said = message.response ?? message.error;
        process.kill(-child.pid, "SIGKILL");
      }
    },
  });
  await child.exited;
  if (!said.includes(program.answer)) throw new Error(`Wrong answer: ${said}`);
}

process.on("message", (load: Load) => void runLoad(load, turn).then((result) => process.send?.(result)));
process.on("disconnect", () => process.exit(0));
