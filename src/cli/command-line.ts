/** The `motus` command: all commands in one tree, and what their ends mean to the shell. */
import { Command, CommanderError } from "commander";
import { MotusClientError } from "../client/client-error.ts";
import { MotusError } from "../errors.ts";
import { version } from "../version.ts";
import { addCancel } from "./cancel.ts";
import { addChat } from "./chat.ts";
import { addCompile } from "./compile.ts";
import { addCreate } from "./create.ts";
import { addDelete } from "./delete.ts";
import { addDoctor } from "./doctor.ts";
import { addGet } from "./get.ts";
import { addHealth } from "./health.ts";
import { addLogs } from "./logs.ts";
import { addMessages } from "./messages.ts";
import { addResume } from "./resume.ts";
import { addSend } from "./send.ts";
import { addServeStart } from "./serve-start.ts";
import { addSessions } from "./sessions.ts";
import { addStoreCheck } from "./store-check.ts";
import { addStoreExport } from "./store-export.ts";
import { addTurns } from "./turns.ts";

/** A request failed, or a turn did. */
const failed = 1;
/** The command line itself is wrong, or a server could not start. */
const misused = 2;

/** Runs one command to its end and returns the exit code. */
export async function runCommandLine(parameters: string[]): Promise<number> {
  try {
    await commandLine().parseAsync(parameters, { from: "user" });
    return Number(process.exitCode ?? 0);
  } catch (error) {
    // Help and version end a command too; all else has been explained on stderr already.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : misused;
    if (MotusError.isInstance(error)) return explain(error, misused);
    if (error instanceof MotusClientError) return explain(error, failed);
    throw error;
  }
}

function commandLine(): Command {
  const program = new Command("motus")
    .description("Serve any agent over HTTP, with every turn in a process of its own")
    .version(version, "-V, --version", "Print the version")
    .helpOption("-h, --help", "Print this help")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, "Error: ")),
    })
    .exitOverride();
  addCompile(program);
  addDoctor(program);
  const store = program
    .command("store")
    .description("Look into the file of --store sqlite:FILE")
    .helpCommand(false);
  addStoreCheck(store);
  addStoreExport(store);
  const serve = program.command("serve").description("Start a server, or talk to one").helpCommand(false);
  addServeStart(serve);
  addChat(serve);
  addHealth(serve);
  addCreate(serve);
  addSessions(serve);
  addGet(serve);
  addDelete(serve);
  addMessages(serve);
  addSend(serve);
  addResume(serve);
  addCancel(serve);
  addTurns(serve);
  addLogs(serve);
  return program;
}

function explain(error: Error, exitCode: number): number {
  console.error(`Error: ${error.message}`);
  return exitCode;
}
