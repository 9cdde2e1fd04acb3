/**
 * One worker process as the server sees it, from spawn to exit. Nothing in here throws in a callback of the
 * runtime: whatever goes wrong with a worker ends that worker, and its exit is where it all comes together.
 */
import { TypeCompiler } from "@sinclair/typebox/compiler";
import type { Subprocess } from "bun";
import { type ErrorCode, MotusError } from "../errors.ts";
import { protocolVersion } from "../protocol/protocol-version.ts";
import {
  type FromWorker,
  FromWorkerSchema,
  type ToWorker,
  type TurnMessage,
} from "../protocol/worker-message.ts";
import { CapturedOutput } from "./captured-output.ts";
import { limitCpu } from "./limits/cpu-limit.ts";
import type { MemoryLimit, WorkerMemory } from "./limits/memory-limit.ts";
import {
  cpuExcess,
  type Excess,
  memoryExcess,
  noLimits,
  outputExcess,
  type WorkerLimits,
} from "./limits/worker-limits.ts";
import { markVariable } from "./reaper.ts";
import { InnerWorker } from "./sandbox/inner-worker.ts";
import type { Sandbox } from "./sandbox/sandbox.ts";
import { killGroup } from "./terminate.ts";

export interface WorkerOptions {
  /** Where the agent is, as `motus serve start` takes it. */
  importPath: string;
  /** The folder that import paths start from, and the worker's working directory. */
  folder: string;
  environment: Record<string, string>;
  /** What the worker starts with. */
  program: WorkerProgram;
  /** What it may use; anything unless it is said. */
  limits?: WorkerLimits;
  /** What holds it to the memory of `limits`. */
  memory?: MemoryLimit | undefined;
  /** What it is kept in. */
  sandbox?: Sandbox | undefined;
}

/** A way to start a worker: from source, or from what was compiled. */
export interface WorkerProgram {
  /** What stands before the agent's import path on the command line. */
  readonly command: readonly string[];
  /** What it needs in its environment, besides what every worker has. */
  readonly environment: Readonly<Record<string, string>>;
  /** What the process is told to be called, when it is not the name of its file. */
  readonly argv0?: string;
}

/** What a worker says of the agent that it has loaded. */
export interface AgentDescription {
  /** What it is, in words for the start line. */
  kind: string;
  /** What will probably go wrong with it, a sentence each. */
  warnings: string[];
}

/** How a process ended and what it used. */
export interface WorkerExit {
  exitCode: number | null;
  signal: string | null;
  /** Why the server killed it, when the worker broke the protocol. */
  violation: string | null;
  /** The limit that it exceeded, and was ended for. */
  excess: Excess | null;
  cpuMs: number;
  maxRssBytes: number;
  stdout: CapturedOutput;
  stderr: CapturedOutput;
}

const checker = TypeCompiler.Compile(FromWorkerSchema);
const ourTypes = new Set([
  "worker-ready",
  "worker-failed",
  "turn-events",
  "turn-interrupt",
  "turn-pong",
  "turn-usage",
  "turn-end",
]);
/** How much of each stream is kept. */
const maxOutputBytes = 64 * 1024;
/** How long a worker may take to load the agent; a module that waits for ever would hold its place for ever. */
const maxStartMs = 60_000;
/** How long after its channel has closed an exiting worker may still be seen. */
const exitAfterDisconnectMs = 200;
const channelClosed = "channel closed";
/** How long output may still come after the exit, from a descendant that holds the pipe open. */
const lateOutputMs = 100;
/** The kernel counts what it limits in ticks, and what it tells afterwards exactly; on a busy machine the two are far apart. */
const countedCpuShare = 0.5;

export class WorkerProcess {
  readonly pid: number;
  /** What it was started with. */
  readonly program: WorkerProgram;
  readonly startedAt = performance.now();
  /** What everything that it starts has in its environment. */
  readonly mark = crypto.randomUUID();
  readonly stdout: CapturedOutput;
  readonly stderr: CapturedOutput;
  /** Resolves with what the agent is when it is loaded; rejects with a MotusError when it will not be. */
  readonly ready: Promise<AgentDescription>;
  /** Resolves when the process is gone, and with it its process group. */
  readonly exited: Promise<WorkerExit>;
  /** Called with what the turn says, as it arrives; set by whoever gives the worker its turn. */
  onMessage: ((message: TurnMessage) => void) | undefined;
  readonly #limits: WorkerLimits;
  readonly #memory: WorkerMemory | undefined;
  /** The worker itself, when the process that was started is its sandbox. */
  readonly #inner: InnerWorker | undefined;
  #process: Subprocess<"ignore", "pipe", "pipe">;
  #ready = Promise.withResolvers<AgentDescription>();
  #exited = Promise.withResolvers<WorkerExit>();
  #isReady = false;
  #hasDelivered = false;
  #hasExited = false;
  #violation: string | null = null;
  #excess: Excess | null = null;
  #isCpuLimited = false;

  /** Starts the process. Throws what the operating system says when it cannot. */
  constructor(options: WorkerOptions) {
    this.program = options.program;
    this.#limits = options.limits ?? noLimits;
    this.#memory = options.memory?.open();
    try {
      this.#process = this.#spawn(options);
    } catch (error) {
      this.#memory?.close();
      throw error;
    }
    const { pid } = this.#process;
    this.pid = pid;
    const inner = options.sandbox && new InnerWorker(pid);
    this.#inner = inner;
    inner?.startLooking();
    this.#memory?.started({
      get pid() {
        return inner === undefined ? pid : inner.pid;
      },
      get group() {
        return inner === undefined ? pid : inner.group;
      },
      isWaiting: () => this.#isReady && this.onMessage === undefined,
      exceed: () => this.#exceed(memoryExcess(this.#limits)),
    });
    const onWrite = () => this.#countOutput();
    this.stdout = new CapturedOutput(this.#process.stdout, maxOutputBytes, onWrite);
    this.stderr = new CapturedOutput(this.#process.stderr, maxOutputBytes, onWrite);
    this.ready = this.#ready.promise;
    this.exited = this.#exited.promise;
    const overdue = setTimeout(
      () => this.#violate(`agent not loaded within ${maxStartMs / 1_000} s`),
      maxStartMs,
    );
    const onTime = () => clearTimeout(overdue);
    this.ready.then(onTime, onTime); // Also keeps a failure that nobody waits for from being unhandled.
  }

  /** Whether the agent is loaded and the worker waits for its turn. */
  get isReady(): boolean {
    return this.#isReady;
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Says something to the worker; a worker that is gone hears nothing, and its exit tells. */
  send(message: ToWorker): void {
    if (message.type === "turn-start") this.#inner?.startLooking();
    try {
      this.#process.send(message);
    } catch {
      this.kill();
    }
  }

  /** Ends the process and its group at once. */
  kill(): void {
    if (this.#hasExited) return;
    if (this.#inner === undefined) killGroup(this.pid);
    else this.#inner.kill();
  }

  /** Lets the turn use as much processor time as it may, beyond what loading the agent took. */
  limitCpu(): void {
    const { maxCpuSeconds } = this.#limits;
    if (maxCpuSeconds === 0 || this.#hasExited) return;
    const pid = this.#inner === undefined ? this.pid : this.#inner.pid;
    if (pid === undefined) return;
    this.#isCpuLimited = true;
    limitCpu(pid, maxCpuSeconds);
  }

  #spawn(options: WorkerOptions): Subprocess<"ignore", "pipe", "pipe"> {
    const { program, importPath, folder, environment, sandbox } = options;
    const { argv0 } = program;
    const command = [...program.command, importPath];
    return Bun.spawn(sandbox?.wrap(command) ?? command, {
      cwd: folder,
      env: { ...program.environment, ...environment, [markVariable]: this.mark },
      ...(argv0 !== undefined && { argv0 }),
      stdio: ["ignore", "pipe", "pipe"],
      serialization: "advanced",
      // A process group of its own, so that what it starts can be ended with it.
      detached: true,
      ...(this.#memory?.cgroup !== undefined && { cgroup: this.#memory.cgroup }),
      ipc: (message) => this.#receive(message),
      onDisconnect: () => this.#disconnected(),
      onExit: (_process, exitCode, signal) => this.#exit(exitCode, signal),
    });
  }

  #receive(message: unknown): void {
    if (this.#excess !== null) return; // It is being ended for that, whatever it says now.
    if (!isOurs(message)) return; // The agent uses process.send for something of its own.
    if (!checker.Check(message)) return this.#violate("malformed message on its channel");
    const checked: FromWorker = message;
    switch (checked.type) {
      case "worker-ready":
        if (checked.version !== protocolVersion) return this.#violate("protocol version mismatch");
        this.#isReady = true;
        this.#inner?.started();
        if (this.onMessage === undefined) this.#inner?.stopLooking();
        this.#ready.resolve({ kind: checked.agent, warnings: checked.warnings });
        return;
      case "worker-failed":
        this.#ready.reject(new MotusError(checked.code as ErrorCode, checked.message));
        return;
      default:
        if (this.onMessage === undefined) return this.#violate("speech before its turn");
        if (this.#hasDelivered) return;
        // The kernel may have ended something that the agent started, whatever the agent made of that.
        if (checked.type === "turn-end" && this.#memory?.wasExceeded())
          return this.#exceed(memoryExcess(this.#limits));
        this.#hasDelivered = checked.type === "turn-end";
        this.onMessage(checked);
    }
  }

  #violate(what: string): void {
    this.#violation ??= what;
    this.kill();
  }

  #countOutput(): void {
    const { maxOutputBytes: max } = this.#limits;
    if (max > 0 && this.stdout.totalBytes + this.stderr.totalBytes > max)
      this.#exceed(outputExcess(this.#limits));
  }

  #exceed(excess: Excess): void {
    if (this.#hasExited) return;
    this.#excess ??= excess;
    this.kill();
  }

  /** What the kernel has ended the worker for, or something that it started. */
  #kernelsExcess(signal: unknown): Excess | null {
    // The kernel closes the channel of what it ends too, and on a busy machine its exit may be seen much later.
    const isOurs = this.#violation !== null && this.#violation !== channelClosed;
    if (this.#hasDelivered || isOurs) return null;
    if (this.#memory?.wasExceeded()) return memoryExcess(this.#limits);
    if (signal !== "SIGKILL") return null;
    const limitMs = this.#limits.maxCpuSeconds * 1_000;
    const usedMs = this.#inner?.mostCpuMs ?? this.#cpuMs();
    const isSpent = this.#isCpuLimited && usedMs >= limitMs * countedCpuShare;
    return isSpent ? cpuExcess(this.#limits) : null;
  }

  #cpuMs(): number {
    if (this.#inner !== undefined) return this.#inner.cpuMs;
    const usage = this.#process.resourceUsage();
    return usage === undefined ? 0 : Number(usage.cpuTime.total) / 1_000;
  }

  /** An exit closes the channel too, a little before it is seen: only a worker that stays has broken a rule. */
  #disconnected(): void {
    if (this.#hasDelivered || this.#hasExited) return;
    const stays = setTimeout(() => this.#violate(channelClosed), exitAfterDisconnectMs);
    void this.exited.then(() => clearTimeout(stays));
  }

  #exit(outerCode: number | null, outerSignal: NodeJS.Signals | number | null): void {
    this.#hasExited = true;
    const outer = { exitCode: outerCode, signal: outerSignal };
    const { exitCode, signal } = this.#inner?.exited(outerCode, outerSignal) ?? outer;
    killGroup(this.pid); // What the worker started may have outlived it.
    this.#excess ??= this.#kernelsExcess(signal);
    this.#memory?.close();
    const why = this.#excess
      ? `it ${this.#excess.did}`
      : `its worker process ${this.#violation ?? describeExit(exitCode, signal)}`;
    this.#ready.reject(new MotusError("agent_import_failed", `Cannot load the agent: ${why}`));
    void this.#conclude(exitCode, signal === null ? null : String(signal));
  }

  async #conclude(exitCode: number | null, signal: string | null): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, lateOutputMs);
    await Promise.race([Promise.all([this.stdout.ended, this.stderr.ended]), late.promise]);
    clearTimeout(timer);
    this.#exited.resolve({
      exitCode,
      signal,
      violation: this.#violation,
      excess: this.#excess,
      cpuMs: this.#cpuMs(),
      maxRssBytes: this.#inner?.maxRssBytes ?? this.#process.resourceUsage()?.maxRSS ?? 0,
      stdout: this.stdout,
      stderr: this.stderr,
    });
  }
}

/** "exited with exit code 3" or "was ended by signal SIGSEGV". */
function describeExit(exitCode: number | null, signal: unknown): string {
  return signal === null ? `exited with exit code ${exitCode}` : `was ended by signal ${signal}`;
}

/** Looks at one field only: what comes from a worker may be anything, huge arrays included. */
function isOurs(message: unknown): boolean {
  return (
    typeof message === "object" &&
    message !== null &&
    "type" in message &&
    ourTypes.has(message.type as string)
  );
}
