/**
 * Settings of the JavaScript runtime for a process that starts, runs one turn and goes. They reach it through its
 * environment, and a worker takes them out of there before it loads the agent, which has its own children to start.
 */
export const runtimeSettings: Readonly<Record<string, string>> = {
  // No collection just because a while has passed: a worker that waits would spend milliseconds of every second on it.
  BUN_GC_TIMER_DISABLE: "1",
};

/** Those of a compiled worker. From source, a program runs as it would by itself. */
export const compiledRuntimeSettings: Readonly<Record<string, string>> = {
  ...runtimeSettings,
  // The heap may grow to this before it is collected for the first time; most turns end before that.
  BUN_JSC_largeHeapSize: String(64 * 1024 * 1024),
  // Importing an SDK runs much code a few hundred times, and optimising all that costs more than it saves. What is really
  // hot, a loop that computes, is still optimised (1,000 is the runtime's own threshold).
  BUN_JSC_thresholdForOptimizeAfterWarmUp: "50000",
  BUN_JSC_thresholdForOptimizeAfterLongWarmUp: "50000",
  BUN_JSC_thresholdForOptimizeSoon: "50000",
};
