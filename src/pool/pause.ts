/** Resolves after a time, or when a signal fires. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const over = Promise.withResolvers<void>();
  const timer = setTimeout(over.resolve, ms);
  const stop = () => over.resolve();
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  await over.promise;
  clearTimeout(timer);
  signal.removeEventListener("abort", stop);
}
