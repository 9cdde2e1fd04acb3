/** The server is killed, again and again, while it is busy: what was answered is there, and nothing ran twice. */
import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { runCli } from "../cli/run-cli.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { expectOnly, Ledger } from "./ledger.ts";
import { randomOf } from "./random.ts";
import { counts, report } from "./report.ts";
import { serve, untilNoneLeft } from "./serve.ts";

const times = Number(process.env.FAULTS_SERVER_KILLS ?? 100);

test("a server that is killed under load loses no answer, runs no turn twice and leaves no process", async () => {
  using folder = temporaryFolder();
  const notes = `${folder.path}/notes`;
  const file = `${folder.path}/motus.sqlite`;
  const options = {
    flags: ["--store", `sqlite:${file}`, "--workers", "4", "--standby", "1", "--no-compile"],
    environment: { NOTES_FILE: notes },
  };
  const random = randomOf("server killed");
  const ledger = new Ledger(random);
  let orphans = 0;
  for (let time = 0; time <= times; time++) {
    await using server = await serve("notes.ts:agent", options);
    await ledger.verifyNew(server.url);
    if (time === times) {
      await ledger.verify(server.url); // And is there still after all the other times.
      break;
    }
    const loading = ledger.load(server.url);
    await Bun.sleep(20 + random() * 300); // The moment is the fault.
    await server.signal("SIGKILL");
    await loading;
    orphans += await untilNoneLeft(server.mark);
  }
  const ran = readFileSync(notes, "utf8").trim().split("\n");
  const twice = ran.length - new Set(ran).size;
  expect(twice).toBe(0);
  expectOnly(ledger.outcomes, ["completed", "lost"]);
  const check = await runCli(["store", "check", file]);
  expect([check.exitCode, check.stderr]).toEqual([0, ""]);
  report(
    "server killed under load, on SQLite",
    `${times} times, ${ledger.tally["answers of 2xx"]} answers of 2xx, ${ledger.accepted} turns accepted (${counts(ledger.outcomes)}), ` +
      `${orphans} processes were there at the kill`,
    `0 answers, ${twice} turns ran twice, 0 processes left after 2 s`,
  );
});
