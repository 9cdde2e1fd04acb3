/**
 * Holds turns of the agent `waits` until the test lets them go, so that a test waits for what happens and
 * never for time to pass.
 */
export interface Gate extends AsyncDisposable {
  /** What to send to the agent. */
  url: string;
  /** How many turns have arrived. */
  readonly arrived: number;
  /** Resolves when so many turns have arrived in all. */
  arrivals(count: number): Promise<void>;
  /** Lets all turns go that wait and will come. */
  open(): void;
}

export function createGate(): Gate {
  const opened = Promise.withResolvers<void>();
  let arrived = 0;
  let waiters: { count: number; resolve: () => void }[] = [];
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch() {
      arrived += 1;
      for (const waiter of waiters.filter(({ count }) => arrived >= count)) waiter.resolve();
      await opened.promise;
      return new Response("open");
    },
  });
  return {
    url: server.url.href,
    get arrived() {
      return arrived;
    },
    arrivals(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (arrived >= count) resolve();
      else waiters = [...waiters, { count, resolve }];
      return promise;
    },
    open: opened.resolve,
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
