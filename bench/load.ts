/** Closed-loop load: each client does its next turn when its last one is over. */

export interface Load {
  clients: number;
  /** Between two turns of one client. */
  pauseMs: number;
  /** The load ends at whichever comes first; turns that are under way are waited for. */
  maxTurns: number;
  maxMs: number;
}

export interface LoadResult {
  latenciesMs: number[];
  elapsedMs: number;
}

/** Does turns until the load is over. `turn` throws when its answer is wrong, and that ends the load. */
export async function runLoad(load: Load, turn: (client: number) => Promise<void>): Promise<LoadResult> {
  const latenciesMs: number[] = [];
  const startedAt = performance.now();
  let started = 0;
  const runClient = async (client: number) => {
    while (started < load.maxTurns && performance.now() - startedAt < load.maxMs) {
      started += 1;
      const turnStartedAt = performance.now();
      await turn(client);
      latenciesMs.push(performance.now() - turnStartedAt);
      if (load.pauseMs > 0) await Bun.sleep(load.pauseMs);
    }
  };
  await Promise.all(Array.from({ length: load.clients }, (_, client) => runClient(client)));
  return { latenciesMs, elapsedMs: performance.now() - startedAt };
}
