/** The machine has nothing left: no room on the disk, no right to write, no descriptor, no process. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { smallDisk, smallDiskProblem } from "../helpers/small-disk.ts";
import { temporaryFolder } from "../helpers/temporary-folder.ts";
import { until } from "../helpers/until.ts";
import { descriptors, threads } from "./census.ts";
import { expectOnly, Ledger, modest } from "./ledger.ts";
import { randomOf } from "./random.ts";
import { count, counts, report } from "./report.ts";
import { isReady, refuse, type Served, serve, setLimit, untilNoneLeft, untilReady } from "./serve.ts";

const isRoot = process.getuid?.() === 0;
/** Root may write everywhere, unless it gives that up. */
const withoutRights = isRoot ? ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"] : [];
/** The kernel counts the processes of a user, and not those of root. */
const otherUser = 54_321;
const files = "+dac_override,+dac_read_search";
const asOther = ["setpriv", `--reuid=${otherUser}`, `--inh-caps=${files}`, `--ambient-caps=${files}`];

/** Why a command cannot be started in this way here; undefined when it can. */
function problemOf(prefix: string[]): string | undefined {
  const [command = "true", ...rest] = [...prefix, "true"];
  const { status, error, stderr } = spawnSync(command, rest, { encoding: "utf8" });
  return status === 0 ? undefined : (error?.message ?? stderr);
}

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder[Symbol.dispose]());

const optionsFor = (file: string, prefix: string[] = []) => ({
  flags: [
    ...["--store", `sqlite:${file}`, "--workers", "4", "--standby", "1"],
    ...["--no-compile", "--cache-dir", `${folder.path}/cache`],
  ],
  environment: { NOTES_FILE: `${folder.path}/notes` },
  prefix,
});

/** No turn has run twice. */
function expectNoneTwice(): void {
  const ran = readFileSync(`${folder.path}/notes`, "utf8").trim().split("\n");
  expect(new Set(ran).size).toBe(ran.length);
}

const noDisk = smallDiskProblem();
describe.skipIf(noDisk !== undefined)(`a full disk${noDisk === undefined ? "" : ` (${noDisk})`}`, () => {
  test("under load refuses, loses nothing, and goes on by itself", async () => {
    using disk = smallDisk(24);
    const options = optionsFor(`${disk.path}/motus.sqlite`);
    const ledger = new Ledger(randomOf("full disk"));
    const times = 5;
    await using server = await serve("notes.ts:agent", options);
    const enough = new AbortController();
    const loading = ledger.load(server.url, { signal: enough.signal });
    for (let time = 0; time < times; time++) {
      disk.fill();
      await until("the server is not ready", async () => !(await isReady(server.url)));
      disk.empty();
      await untilReady(server.url);
    }
    disk.fill();
    await until("the server is not ready", async () => !(await isReady(server.url)));
    await server.signal("SIGKILL");
    enough.abort();
    await loading;
    await untilNoneLeft(server.mark);
    const { exitCode, said } = await refuse("notes.ts:agent", options);
    expect(said).toContain("the disk is full; free some space");
    expect(exitCode).toBe(2);
    disk.empty();
    await using again = await serve("notes.ts:agent", options);
    const outcomes = await ledger.verify(again.url);
    expectOnly(outcomes, ["completed", "lost"]);
    expectNoneTwice();
    report(
      "a full disk under load, then killed on it",
      `${times + 1} times, ${counts(ledger.tally)}, ${ledger.accepted} turns accepted (${counts(outcomes)})`,
      "0 answers",
    );
  });
});

const noRights = problemOf(withoutRights);
describe.skipIf(noRights !== undefined)(`what is read-only${noRights ? ` (${noRights})` : ""}`, () => {
  test("is refused as a store with a sentence, and taken once it can be written", async () => {
    const path = `${folder.path}/data`;
    mkdirSync(path);
    const options = optionsFor(`${path}/motus.sqlite`, withoutRights);
    const refusals: number[] = [];
    const expectRefusal = async (why: string) => {
      const { exitCode, said } = await refuse("notes.ts:agent", options);
      expect(said).toContain(why);
      expect(said).toContain("let the server's user write to it and to its folder");
      expect(exitCode).toBe(2);
      refusals.push(exitCode ?? 0);
    };
    const ledger = new Ledger(randomOf("read-only"), modest);
    const useOnce = async () => {
      await using server = await serve("notes.ts:agent", options);
      await ledger.verify(server.url);
      const enough = new AbortController();
      const loading = ledger.load(server.url, { signal: enough.signal });
      const before = ledger.accepted;
      await until("turns were accepted", () => ledger.accepted > before + 10);
      chmodSync(path, 0o555); // Under a server that has its files open it changes nothing.
      await until("more turns were accepted", () => ledger.accepted > before + 30);
      enough.abort();
      await loading;
      await ledger.verify(server.url);
      chmodSync(path, 0o755); // What it takes away at its end would otherwise stay, and do for the next start.
      expect(await server.signal("SIGTERM")).toBe(0);
      chmodSync(path, 0o555);
    };
    chmodSync(path, 0o555);
    await expectRefusal("it cannot be opened");
    chmodSync(path, 0o755);
    await useOnce();
    await expectRefusal("it is read-only");
    chmodSync(path, 0o755);
    chmodSync(`${path}/motus.sqlite`, 0o444);
    await expectRefusal("it is read-only");
    chmodSync(`${path}/motus.sqlite`, 0o600);
    await useOnce();
    chmodSync(path, 0o755);
    expectNoneTwice();
    report(
      "a read-only folder or file",
      `${refusals.length} starts refused, ${ledger.accepted} turns`,
      "0 answers",
    );
  });

  test("as a cache costs time and no turn", async () => {
    const cache = `${folder.path}/read-only`;
    mkdirSync(cache, { mode: 0o555 });
    const flags = ["--cache-dir", `${cache}/motus`, "--standby", "0"];
    await using server = await serve("echo.ts:agent", { flags, prefix: withoutRights });
    const { session_id } = await server.client.createSession();
    for (let turn = 0; turn < 20; turn++) {
      await server.client.send(session_id, "hi");
      expect((await server.client.wait(session_id)).response?.content).toBe("echo: hi");
    }
    report("a read-only cache", "20 turns, from source", "0 turns");
  });
});

interface Squeeze {
  tighten(): void;
  loosen(): void;
  whileTight?(): Promise<void>;
  times: number;
}

/** Takes away what workers are started with, and gives it back, again and again under load. */
async function squeeze(
  server: Served,
  ledger: Ledger,
  { tighten, loosen, times, whileTight }: Squeeze,
): Promise<void> {
  const enough = new AbortController();
  const loading = ledger.load(server.url, { signal: enough.signal, clients: 8 });
  for (let time = 0; time < times; time++) {
    const before = ledger.accepted;
    await until("turns are accepted", () => ledger.accepted > before + 20);
    const saidBefore = shortages(server);
    tighten();
    await until("a worker cannot be started", () => shortages(server) > saidBefore);
    await whileTight?.();
    loosen();
    await untilReady(server.url);
  }
  enough.abort();
  await loading;
}

function shortages(server: Served): number {
  return server.log().split("Cannot start a worker").length - 1;
}

const noOther = problemOf(asOther);
describe.skipIf(noOther !== undefined)(
  `nothing to start a worker with${noOther ? ` (${noOther})` : ""}`,
  () => {
    test("no descriptors: turns wait, none is lost, and it goes on by itself", async () => {
      const times = 20;
      await using server = await serve("notes.ts:agent", optionsFor(`${folder.path}/motus.sqlite`));
      const ledger = new Ledger(randomOf("no descriptors"), modest);
      await ledger.load(server.url, { signal: AbortSignal.timeout(500) }); // Its connections are there.
      const before = descriptors(server.pid);
      await squeeze(server, ledger, {
        tighten: () => setLimit(server.pid, `--nofile=${descriptors(server.pid) + 2}:`),
        loosen: () => setLimit(server.pid, "--nofile=4096:"),
        times,
      });
      const outcomes = await ledger.verify(server.url);
      expectOnly(outcomes, ["completed"]);
      expectNoneTwice();
      await until("the descriptors are given back", () => descriptors(server.pid) <= before + 8);
      report(
        "no descriptors left (EMFILE), under load",
        `${times} times, ${ledger.accepted} turns accepted (${counts(outcomes)})`,
        "0 answers, 0 turns, 0 descriptors",
      );
    });

    test("too few descriptors at the start: it is refused, and says so", async () => {
      const tally: Record<string, number> = {};
      for (const limit of [12, 14, 16, 18, 64]) {
        const prefix = ["prlimit", `--nofile=${limit}:${limit}`];
        const said = await serve("echo.ts:agent", optionsFor(`${folder.path}/motus.sqlite`, prefix)).then(
          (server) => server[Symbol.asyncDispose]().then(() => "serves"),
          String,
        );
        // Below what the runtime itself needs it is the runtime that speaks.
        expect(said).toMatch(/serves|descriptors|EMFILE/);
        count(tally, said === "serves" ? "served" : "refused");
      }
      expect(tally).toEqual({ refused: 4, served: 1 });
      report("starts with 12 to 64 descriptors", counts(tally), "0 servers that hang");
    });

    test("no processes: turns wait or say that they crashed, and it goes on by itself", async () => {
      const times = 20;
      const options = optionsFor(`${folder.path}/motus.sqlite`, asOther);
      await using server = await serve("notes.ts:agent", options);
      const ledger = new Ledger(randomOf("no processes"), modest);
      await squeeze(server, ledger, {
        tighten: () => setLimit(server.pid, `--nproc=${threads(server.pid)}:`, otherUser),
        loosen: () => setLimit(server.pid, "--nproc=4096:", otherUser),
        times,
      });
      const outcomes = await ledger.verify(server.url);
      // A worker that was there before may have wanted a thread more in the middle of its turn.
      expectOnly(outcomes, ["completed", "crashed"]);
      expectNoneTwice();
      expect(await server.signal("SIGTERM")).toBe(0);
      await untilNoneLeft(server.mark);
      report(
        "no processes left (EAGAIN), under load",
        `${times} times, ${ledger.accepted} turns accepted (${counts(outcomes)})`,
        "0 answers, 0 processes left",
      );
    });
  },
);
