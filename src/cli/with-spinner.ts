/** Runs a task, with a spinner on stderr meanwhile when that is a terminal. */
export async function withSpinner<T>(task: () => Promise<T>): Promise<T> {
  if (!process.stderr.isTTY) return task();
  const { default: yoctoSpinner } = await import("yocto-spinner");
  // Signals are ours: its own handling of them would exit before the session is deleted.
  const spinner = yoctoSpinner({ stream: process.stderr, handleSignals: false }).start();
  try {
    return await task();
  } finally {
    spinner.stop();
  }
}
