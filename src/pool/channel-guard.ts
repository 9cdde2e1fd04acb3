/**
 * Keeps a worker's garbage from ending the server. Bytes on the ipc channel that are no message make Bun
 * raise "Unable to deserialize data" as an uncaught exception of the parent, from no code of its own; right
 * after it Bun reports that worker's channel as closed, and that is what ends its turn.
 */

let guards = 0;

/** Watches for as long as a pool is open; returns how to stop. */
export function guardChannels(): () => void {
  if (guards++ === 0) process.on("uncaughtException", ignoreChannelGarbage);
  return () => {
    if (--guards === 0) process.off("uncaughtException", ignoreChannelGarbage);
  };
}

function ignoreChannelGarbage(error: unknown): void {
  if (error instanceof TypeError && error.message.startsWith("Unable to deserialize data")) return;
  // Any other error is what it would be without this listener, unless somebody else listens too: the end.
  if (process.listenerCount("uncaughtException") > 1) return;
  console.error(error);
  process.exit(1);
}
