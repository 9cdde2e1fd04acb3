import { constants } from "node:os";

/** The wish to leave a conversation, from a signal or from the keyboard. */
export interface Leave extends Disposable {
  /** Fires when it is time to leave. */
  readonly signal: AbortSignal;
  /** What the shell is told then, 128 and the number of the signal; undefined until then. */
  readonly exitCode: number | undefined;
  now(signal: "SIGINT" | "SIGTERM"): void;
  /** From now on the next Ctrl+C calls this instead, once; undefined ends that. */
  onInterrupt(act: (() => void) | undefined): void;
}

/** Turns the first SIGINT or SIGTERM into a wish to leave; the next one ends the process as usual. */
export function leaveOnSignal(): Leave {
  const controller = new AbortController();
  let interrupted: (() => void) | undefined;
  const leave = {
    signal: controller.signal,
    exitCode: undefined as number | undefined,
    now(signal: "SIGINT" | "SIGTERM") {
      const act = signal === "SIGINT" ? interrupted : undefined;
      interrupted = undefined;
      if (act !== undefined) return act();
      stopListening();
      leave.exitCode ??= 128 + constants.signals[signal];
      controller.abort();
    },
    onInterrupt(act: (() => void) | undefined) {
      interrupted = act;
    },
    [Symbol.dispose]: stopListening,
  };
  function stopListening() {
    process.off("SIGINT", leave.now);
    process.off("SIGTERM", leave.now);
  }
  process.on("SIGINT", leave.now);
  process.on("SIGTERM", leave.now);
  return leave;
}
