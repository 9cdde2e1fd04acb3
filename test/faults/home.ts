/** Where the agent `steps` calls at each step of its life, so that a test knows which process is where. */

export interface Caller {
  pid: number;
  /** Lets it go on. */
  letGo(): void;
}

export interface Home extends AsyncDisposable {
  url: string;
  /** Workers that have called while they loaded the agent and are not known to have a turn. */
  readonly waiting: Set<number>;
  /** Every worker that has called. */
  readonly known: Set<number>;
  /** The call of a turn at one of its steps. */
  arrival(turnId: string): Promise<Caller>;
  /** The next worker that loads the agent; it stays there. */
  nextImport(): { caller: Promise<Caller>; cancel(): void };
  forget(turnId: string): void;
}

export function createHome(): Home {
  const arrivals = new Map<string, PromiseWithResolvers<Caller>>();
  const imports = new Set<(caller: Caller) => void>();
  const waiting = new Set<number>();
  const known = new Set<number>();
  const of = (turnId: string) => {
    const arrival = arrivals.get(turnId) ?? Promise.withResolvers<Caller>();
    arrivals.set(turnId, arrival);
    return arrival;
  };
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    async fetch(request) {
      const { pathname, searchParams } = new URL(request.url);
      const pid = Number(searchParams.get("pid"));
      const gone = Promise.withResolvers<void>();
      request.signal.addEventListener("abort", () => gone.resolve());
      const caller = { pid, letGo: gone.resolve };
      known.add(pid);
      if (pathname === "/importing") {
        const [takeIt] = imports;
        if (takeIt === undefined) {
          waiting.add(pid);
          return new Response();
        }
        imports.delete(takeIt);
        takeIt(caller);
      } else {
        waiting.delete(pid);
        of(searchParams.get("turn") ?? "").resolve(caller);
      }
      await gone.promise;
      return new Response();
    },
  });
  return {
    url: server.url.href,
    waiting,
    known,
    arrival: (turnId) => of(turnId).promise,
    nextImport() {
      const { promise, resolve } = Promise.withResolvers<Caller>();
      imports.add(resolve);
      return { caller: promise, cancel: () => imports.delete(resolve) };
    },
    forget: (turnId) => arrivals.delete(turnId),
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
