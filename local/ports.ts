import { createServer } from "node:net";

/** Why a port cannot be listened on: the error's code, or undefined when it is free. */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

/**
 * A free loopback port a little above `near`. Not one the system hands out for outgoing connections: while the
 * edge restarts, a connection to such a port can get the port itself as its own end and meet itself.
 */
export async function privatePort(near: number, taken: ReadonlySet<number>): Promise<number> {
  const first = near + 1 + Math.floor(Math.random() * 40);
  for (let port = first; port < first + 50; port++) {
    if (port > 65_535) break;
    if (!taken.has(port) && (await portProblem("127.0.0.1", port)) === undefined) return port;
  }
  throw new Error(`no free port for the storage endpoint near ${near}`);
}
