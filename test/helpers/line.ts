import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A line to a server that can be cut, like a connection over a bad network. */
export interface Line extends AsyncDisposable {
  url: string;
  /** Connections that were opened so far. */
  readonly connections: number;
  /** Breaks every connection that is open. */
  cut(): void;
}

export async function createLine(target: string): Promise<Line> {
  const open = new Set<Socket>();
  let connections = 0;
  const server = createServer((near) => {
    connections += 1;
    const far = connect(Number(new URL(target).port), "127.0.0.1");
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on("error", () => {}).on("close", () => open.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const cut = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get connections() {
      return connections;
    },
    cut,
    [Symbol.asyncDispose]: async () => {
      cut();
      server.close();
    },
  };
}
