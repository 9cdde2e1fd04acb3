/** What can be set on a server: one table of names, ranges and defaults for the API and the command line. */
import { availableParallelism } from "node:os";
import { resolve } from "node:path";
import { defaultCacheFolder } from "../compile/compile-worker.ts";
import { MotusError } from "../errors.ts";
import { type Logger, silentLogger } from "../logger.ts";
import { canLimitCpu } from "../pool/limits/cpu-limit.ts";
import { checkAccess } from "./access-options.ts";
import { isLoopback } from "./is-loopback.ts";
import { checkSandbox } from "./sandbox-options.ts";

/** What can be set on an `AgentServer`. Each has the meaning of the flag of the same name. */
export interface AgentServerOptions {
  /**
   * The address to listen on. One that others can reach needs a token, or `insecure`.
   * @default "127.0.0.1"
   */
  host?: string;
  /**
   * The port to listen on, 0 to 65535; 0 takes a free one.
   * @default 8000
   */
  port?: number;
  /**
   * Turns that may run at once, from 1; each holds a worker process. More turns wait in the queue.
   * @default four times the number of CPUs
   */
  workers?: number;
  /**
   * Workers that wait with the agent loaded, from 0. A turn that finds one does not pay for the start of its
   * process; each costs the memory of an agent that was imported.
   * @default the number of CPUs, at most `workers`
   */
  standby?: number;
  /**
   * Seconds after its last activity when an idle or failed session is deleted; 0 keeps sessions for ever.
   * @default 0
   */
  ttl?: number;
  /**
   * Seconds that a turn may run; then it ends with `Agent timed out`. Waiting in the queue does not count.
   * 0 for no limit.
   * @default 0
   */
  timeout?: number;
  /**
   * Bytes that a turn's process may write to stdout and stderr together, what it writes while the agent is loaded among
   * them; then the turn is `failed`. Only the last 64 kB of each are kept in any case. 0 for no limit.
   * @default 0
   */
  maxOutput?: number;
  /**
   * Events that a turn may say; then it is `failed`. 0 for no limit.
   * @default 0
   */
  maxEvents?: number;
  /**
   * Seconds of processor time that a turn's process may use, a whole number; then the turn is `timed_out`. Loading the agent
   * does not count, and each process that the agent starts may use as much again. Linux only: `option_invalid` elsewhere.
   * 0 for no limit.
   * @default 0
   */
  maxCpu?: number;
  /**
   * Megabytes (of 1,048,576 bytes) of memory that a worker and what it starts may use together; then its turn is
   * `out_of_memory`. At least 32; loading the agent counts. Linux only: `option_invalid` elsewhere. 0 for no limit.
   * @default 0
   */
  maxMemory?: number;
  /**
   * Seconds that a question to a person waits for its answer; then its turn fails with `Interrupt expired`.
   * 0 for ever.
   * @default 86400 (a day)
   */
  interruptTtl?: number;
  /**
   * Turns that may wait for a person; one more fails with an error that says so. Each holds a process, but no
   * worker slot.
   * @default ten times `workers`
   */
  maxInterrupted?: number;
  /**
   * Sessions that the server holds at most; one more is answered with 503 `session_limit_reached`. 0 for no
   * limit.
   * @default 0
   */
  maxSessions?: number;
  /**
   * Turns that may wait for a worker slot; one more is answered with 503 `queue_full`.
   * @default 1000
   */
  maxQueue?: number;
  /**
   * Seconds that running turns get to end when the server stops; then they are cancelled. 0 does not wait.
   * @default 30
   */
  shutdownTimeout?: number;
  /**
   * Whether clients may choose session ids with `PUT /sessions/{uuid}`.
   * @default false
   */
  allowCustomIds?: boolean;
  /**
   * Bytes that a request body may have; a longer one is answered with 413 `body_too_large`.
   * @default 16777216 (16 MiB)
   */
  maxBodyBytes?: number;
  /**
   * Requests that may be open at once, those that wait for events and turns among them; one more is answered with
   * 503 `connection_limit_reached`. `GET /health` is answered always. 0 for no limit.
   * @default 10000
   */
  maxConnections?: number;
  /**
   * Requests a second that each caller may make; those of two seconds, at least five, may come at once, and one more is
   * answered with 429 `rate_limited`. Callers are told apart by their token, its `sub`, or without one by their address.
   * 0 for no limit.
   * @default 0
   */
  rateLimit?: number;
  /**
   * Tokens that callers show as `Authorization: Bearer <token>`, in letters, digits and signs without spaces and commas.
   * With any token, in any of these ways, everything but `GET /health` needs one: 401 `token_missing`, `token_invalid`.
   * Whoever shows one of these sees all sessions.
   * @default none; the command line takes those in `MOTUS_TOKEN`
   */
  tokens?: readonly string[];
  /**
   * A file with more such tokens, one a line; lines that begin with `#` are comments. A change counts within a second.
   * @default none
   */
  tokenFile?: string | null;
  /**
   * Where the keys of an identity provider are, a JSON Web Key Set: a URL with `https://`, or a file, of which a change
   * counts within a second. Its tokens are accepted then, and whoever shows one sees the sessions that the same `sub`
   * has made. Needs `jwtIssuer` and `jwtAudience`.
   * @default none
   */
  jwtJwks?: string | null;
  /**
   * The `iss` that such tokens must have.
   * @default none
   */
  jwtIssuer?: string | null;
  /**
   * The `aud` that such tokens must have, or have among others.
   * @default none
   */
  jwtAudience?: string | null;
  /**
   * Whether the server may listen without a token on an address that others can reach: `address_unprotected` otherwise.
   * @default false
   */
  insecure?: boolean;
  /**
   * Origins of web pages that may call the server besides its own, such as `https://app.example.com`; `*`
   * for any.
   * @default none
   */
  corsOrigins?: string[];
  /**
   * Whether webhooks may call loopback and private addresses, which whoever sends messages can name. Link-local
   * addresses and the metadata services of clouds are refused always.
   * @default whether `host` is a loopback address
   */
  webhookAllowPrivate?: boolean;
  /**
   * Whether the agent's packages are compiled, so that its workers start in a fraction of the time. What cannot be
   * compiled so that it behaves the same runs from source in any case.
   * @default true
   */
  compile?: boolean;
  /**
   * The folder where compiled workers are kept, for all servers of the user; each takes more than a hundred megabytes.
   * @default `motus` in the user's folder for caches: `$XDG_CACHE_HOME`, or `~/.cache`
   */
  cacheDir?: string;
  /**
   * Whether workers, and the compiling of packages, run in a sandbox (Linux with bubblewrap; `sandbox_unavailable` elsewhere,
   * when the server is made). They read the file system and write none of it; homes, `/run` and temporary folders are
   * empty there, private to each worker, and hold up to 256 MB in memory; of these the agent's own project is shown. The
   * files of `store`, `tokenFile`, and those named `.env` in `folder` and the working directory cannot be read. No process
   * outside can be seen, and the environment is that of `env`. docs/security.md says what that keeps from whom.
   * @default false
   */
  sandbox?: boolean;
  /**
   * Files and folders that workers in a sandbox can read although they are in a folder that is hidden from them; from the
   * root on, and there: `option_invalid` otherwise, and without `sandbox`.
   * @default none
   */
  sandboxRead?: readonly string[];
  /**
   * Files and folders that workers in a sandbox can read and write, all of them the same; from the root on, and there:
   * `option_invalid` otherwise, and without `sandbox`.
   * @default none
   */
  sandboxWrite?: readonly string[];
  /**
   * Whether workers in a sandbox reach no network, loopback and the server itself included, so that an agent needs a model
   * that it can ask by a file or a socket. `option_invalid` without `sandbox`.
   * @default false
   */
  sandboxNoNetwork?: boolean;
  /**
   * Names of the environment variables that workers get, besides `PATH`, `HOME`, `LANG`, `TZ`, `NODE_ENV` and a few others
   * that hold no secret; null for all. Variables that begin with `MOTUS_` they never get: `option_invalid`. Without
   * `sandbox` an agent can find out the others on Linux, because it can look into the server's process.
   * @default null; none, with `sandbox`
   */
  env?: readonly string[] | null;
  /**
   * Whether a saved change of the agent's own files counts from the next turn on; turns that run finish on the old code.
   * @default false
   */
  watch?: boolean;
  /**
   * Seconds that a worker may wait for its turn before a new one takes its place; 0 for ever.
   * @default 600
   */
  standbyMaxAge?: number;
  /**
   * Where sessions are kept: `memory`, gone with the process, or `sqlite:` and the name of a file, which is made when it
   * is not there. The file belongs to one server at a time: another one fails with `store_locked`; what is no store, or
   * one of a newer motus, fails with `store_invalid`.
   * @default "memory"
   */
  store?: string;
  /**
   * Where the server writes what happens; a pino logger fits.
   * @default nowhere
   */
  logger?: Logger;
  /**
   * The folder that the agent's import path starts from, and the working directory of the workers.
   * @default the server's own working directory
   */
  folder?: string;
}

/** What `store` begins with when it names a file. */
export const sqliteStore = "sqlite:";

/**
 * The least that `maxMemory` can be. A process that is about to become a worker is in its group already and has the server's
 * memory still: if the group were full by then, the kernel would end both.
 */
const minMemory = 32;

/** All options, with their defaults filled in. */
export type ResolvedOptions = Required<AgentServerOptions>;

interface Range {
  min: number;
  max: number;
  integer: boolean;
}

/** The ranges of all options that are numbers. */
export const ranges = {
  port: { min: 0, max: 65_535, integer: true },
  workers: { min: 1, max: 10_000, integer: true },
  standby: { min: 0, max: 10_000, integer: true },
  ttl: { min: 0, max: 1e9, integer: false },
  timeout: { min: 0, max: 2_000_000, integer: false },
  maxOutput: { min: 0, max: 1e15, integer: true },
  maxEvents: { min: 0, max: 1e9, integer: true },
  maxCpu: { min: 0, max: 1e9, integer: true },
  maxMemory: { min: 0, max: 1e9, integer: true },
  interruptTtl: { min: 0, max: 2_000_000, integer: false },
  maxInterrupted: { min: 0, max: 100_000, integer: true },
  maxSessions: { min: 0, max: 1e9, integer: true },
  maxQueue: { min: 0, max: 1e9, integer: true },
  shutdownTimeout: { min: 0, max: 2_000_000, integer: false },
  maxBodyBytes: { min: 1, max: 1e9, integer: true },
  standbyMaxAge: { min: 0, max: 2_000_000, integer: false },
  maxConnections: { min: 0, max: 1e9, integer: true },
  rateLimit: { min: 0, max: 1e6, integer: false },
} as const satisfies Record<string, Range>;

export type NumericOption = keyof typeof ranges;

/**
 * Options with their defaults.
 *
 * @throws {MotusError} `option_invalid`, naming the option and its range; `address_unprotected`.
 */
export function resolveOptions(options: AgentServerOptions): ResolvedOptions {
  for (const name of Object.keys(ranges) as NumericOption[]) {
    const value = options[name];
    if (value !== undefined) checkRange(name, value);
  }
  const cpus = availableParallelism();
  const workers = options.workers ?? 4 * cpus;
  const host = options.host ?? "127.0.0.1";
  const corsOrigins = (options.corsOrigins ?? []).map(checkOrigin);
  const access = {
    host,
    tokens: options.tokens ?? [],
    tokenFile: options.tokenFile == null ? null : resolve(options.tokenFile),
    jwtJwks: options.jwtJwks ?? null,
    jwtIssuer: options.jwtIssuer ?? null,
    jwtAudience: options.jwtAudience ?? null,
    insecure: options.insecure ?? false,
  };
  checkAccess(access);
  checkLimits(options);
  const sandbox = options.sandbox ?? false;
  const walls = {
    sandbox,
    sandboxRead: options.sandboxRead ?? [],
    sandboxWrite: options.sandboxWrite ?? [],
    sandboxNoNetwork: options.sandboxNoNetwork ?? false,
    env: options.env ?? (sandbox ? [] : null),
  };
  checkSandbox(walls);
  return {
    ...access,
    ...walls,
    port: options.port ?? 8000,
    workers,
    standby: options.standby ?? Math.min(workers, cpus),
    ttl: options.ttl ?? 0,
    timeout: options.timeout ?? 0,
    maxOutput: options.maxOutput ?? 0,
    maxEvents: options.maxEvents ?? 0,
    maxCpu: options.maxCpu ?? 0,
    maxMemory: options.maxMemory ?? 0,
    interruptTtl: options.interruptTtl ?? 86_400,
    maxInterrupted: options.maxInterrupted ?? 10 * workers,
    maxSessions: options.maxSessions ?? 0,
    maxQueue: options.maxQueue ?? 1000,
    shutdownTimeout: options.shutdownTimeout ?? 30,
    allowCustomIds: options.allowCustomIds ?? false,
    maxBodyBytes: options.maxBodyBytes ?? 16 * 1024 * 1024,
    corsOrigins,
    webhookAllowPrivate: options.webhookAllowPrivate ?? isLoopback(host),
    compile: options.compile ?? true,
    // biome-ignore lint/style/noProcessEnv: where the user's caches are is said there
    cacheDir: options.cacheDir ?? defaultCacheFolder(process.env),
    watch: options.watch ?? false,
    standbyMaxAge: options.standbyMaxAge ?? 600,
    store: checkStore(options.store ?? "memory"),
    maxConnections: options.maxConnections ?? 10_000,
    rateLimit: options.rateLimit ?? 0,
    logger: options.logger ?? silentLogger,
    folder: options.folder ?? process.cwd(),
  };
}

/** What a numeric option takes, in words; undefined when the value fits. */
export function rangeProblem(name: NumericOption, value: number): string | undefined {
  const { min, max, integer } = ranges[name];
  if (value >= min && value <= max && (!integer || Number.isInteger(value))) return undefined;
  return `${integer ? "a whole number" : "a number"} from ${min} to ${max}`;
}

function checkRange(name: NumericOption, value: number): void {
  const wanted = rangeProblem(name, value);
  if (wanted !== undefined)
    throw new MotusError("option_invalid", `Cannot use ${value} as ${name}: it takes ${wanted}`);
}

/** What the machine cannot do must not look as if it were done. */
function checkLimits({ maxCpu = 0, maxMemory = 0 }: AgentServerOptions): void {
  if (maxCpu > 0 && !canLimitCpu())
    throw new MotusError(
      "option_invalid",
      "Cannot limit processor time on this machine: it needs Linux with glibc or musl; leave out --max-cpu, or use --timeout",
    );
  if (maxMemory > 0 && process.platform !== "linux")
    throw new MotusError(
      "option_invalid",
      `Cannot limit the memory of turns on ${process.platform}: it needs Linux; leave out --max-memory`,
    );
  if (maxMemory > 0 && maxMemory < minMemory)
    throw new MotusError(
      "option_invalid",
      `Cannot use ${maxMemory} as maxMemory: no worker runs in less than ${minMemory} MB; 0 is without limit`,
    );
}

function checkOrigin(origin: string): string {
  if (origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin)) return origin;
  throw new MotusError(
    "option_invalid",
    `Cannot use "${origin}" as a CORS origin: it takes a scheme, host and port only, such as https://app.example.com, or *`,
  );
}

function checkStore(store: string): string {
  if (store === "memory" || (store.startsWith(sqliteStore) && store !== sqliteStore)) return store;
  throw new MotusError(
    "option_invalid",
    `Cannot use "${store}" as store: it takes memory, or sqlite: and the name of a file`,
  );
}
