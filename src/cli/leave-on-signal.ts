import { constants } from "node:os";

/** The wish to leave a conversation, from a signal or from the keyboard. */
export interface Leave extends Disposable {
  /** Fires when it is time to leave. */
  readonly signal: AbortSignal;
  /** What the shell is told then, 128 and the number of the signal; undefined until then. */
  readonly exitCode: number | undefined;
  now(signal: "SIGINT" | "SIGTERM"): void;
}

/** Turns the first SIGINT or SIGTERM into a wish to leave; the next one ends the process as usual. */
export function leaveOnSignal(): Leave {
  const controller = new AbortController();
  const leave = {
    signal: controller.signal,
    exitCode: undefined as number | undefined,
    now(signal: "SIGINT" | "SIGTERM") {
      stopListening();
      leave.exitCode ??= 128 + constants.signals[signal];
      controller.abort();
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
