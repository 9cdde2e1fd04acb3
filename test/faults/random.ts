/** Chance that can be had again: the seed is printed, and `FAULTS_SEED` brings it back. */
export const seed = Number(process.env.FAULTS_SEED ?? Math.trunc(Math.random() * 2 ** 31));

/** Numbers from 0 to 1 (mulberry32): one sequence for each name, whatever other ones do. */
export function randomOf(name: string): () => number {
  let state = (seed ^ Bun.hash.crc32(name)) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One of some values. */
export function pick<T>(random: () => number, values: readonly T[]): T {
  return values[Math.trunc(random() * values.length)] as T;
}
