/** The one line of each fault: what was tried, how often, and what was lost. */
import { seed } from "./random.ts";

export function report(tried: string, times: string, lost: string): void {
  console.log(`[faults] ${tried} | ${times} | lost: ${lost} | seed ${seed}`);
}

/** `{ crashed: 3, completed: 7 }` as "3 crashed, 7 completed". */
export function counts(tally: Record<string, number>): string {
  return Object.entries(tally)
    .map(([name, count]) => `${count.toLocaleString("en")} ${name}`)
    .join(", ");
}

/** Counts one more. */
export function count(tally: Record<string, number>, name: string): void {
  tally[name] = (tally[name] ?? 0) + 1;
}
