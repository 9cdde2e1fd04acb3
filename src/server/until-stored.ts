import { MotusError } from "../errors.ts";
import type { Stores } from "../session/stores.ts";

/**
 * Takes a step of a turn again and again until the store has it: a disk that is full has room again one day, and until
 * then the turn waits.
 *
 * @param signal Ends the waiting; then the error of the last time is thrown.
 */
export async function untilStored<T>(
  stores: Stores,
  step: () => Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    try {
      return await step();
    } catch (error) {
      const isUnavailable = MotusError.isInstance(error) && error.code === "store_unavailable";
      if (!isUnavailable || signal.aborted) throw error;
    }
    await stores.whenWritable(signal);
  }
}
