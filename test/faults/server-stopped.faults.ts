/** The server is told to end while it is busy: it lets its turns end, and what was answered is there. */
import { expect, test } from "bun:test";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { expectOnly, Ledger } from "./ledger.ts";
import { randomOf } from "./random.ts";
import { count, counts, report } from "./report.ts";
import { serve, untilNoneLeft } from "./serve.ts";

const times = Number(process.env.FAULTS_SERVER_STOPS ?? 50);
const shutdownSeconds = 10;

test("a server that is told to end under load ends its turns in time and exits with 0", async () => {
  using folder = temporaryFolder();
  const options = {
    flags: [
      ...["--store", `sqlite:${folder.path}/motus.sqlite`, "--workers", "4", "--standby", "1"],
      ...["--no-compile", "--shutdown-timeout", String(shutdownSeconds)],
    ],
    environment: { NOTES_FILE: `${folder.path}/notes` },
  };
  const random = randomOf("server stopped");
  const ledger = new Ledger(random);
  const exitCodes: Record<string, number> = {};
  let slowestMs = 0;
  for (let time = 0; time <= times; time++) {
    await using server = await serve("notes.ts:agent", options);
    await ledger.verifyNew(server.url);
    if (time === times) break;
    const loading = ledger.load(server.url);
    await Bun.sleep(20 + random() * 300); // The moment is the fault.
    const stoppedAt = performance.now();
    count(exitCodes, `exit code ${await server.signal("SIGTERM")}`);
    slowestMs = Math.max(slowestMs, performance.now() - stoppedAt);
    await loading;
    await untilNoneLeft(server.mark);
  }
  expect(exitCodes).toEqual({ "exit code 0": times });
  expect(slowestMs).toBeLessThan(shutdownSeconds * 1_000);
  // Nothing was cancelled, and nothing was left to the next server.
  expectOnly(ledger.outcomes, ["completed"]);
  report(
    "SIGTERM under load, on SQLite",
    `${times} times, ${ledger.tally["answers of 2xx"]} answers of 2xx, ${ledger.accepted} turns accepted (${counts(ledger.outcomes)}), ` +
      `${counts(exitCodes)}, the slowest stop took ${Math.round(slowestMs)} ms`,
    "0 answers, 0 turns, 0 processes left",
  );
});
