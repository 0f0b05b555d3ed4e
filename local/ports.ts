import { createServer } from "node:net";
import type { IngestSettings } from "../config/ingest-settings.ts";

/** A port with what the operator calls it. */
export interface NamedPort {
  readonly port: number;
  readonly use: string;
}

/** The ports the stack listens on, in the order in which a newcomer meets them. */
export function publicPorts(settings: {
  readonly edgePort: number;
  readonly ingest: Pick<IngestSettings, "port" | "shoutcastPort" | "tls">;
}): NamedPort[] {
  const { edgePort, ingest } = settings;
  const ports = [
    { port: edgePort, use: "listeners, --edge-port" },
    { port: ingest.port, use: "sources, --ingest-port" },
    { port: ingest.shoutcastPort, use: "SHOUTcast sources, --ingest-port + 1" },
  ];
  if (ingest.tls === undefined) return ports;
  return [
    ...ports,
    { port: ingest.tls.port, use: "sources over TLS, ingest.tls.port" },
    { port: ingest.tls.shoutcastPort, use: "SHOUTcast sources over TLS, ingest.tls.port + 1" },
  ];
}

/** What is wrong with the choice of ports, whatever the machine says of each. */
export function portMistakes(ports: readonly NamedPort[]): string[] {
  const problems: string[] = [];
  const uses = new Map<number, string>();
  for (const { port, use } of ports) {
    const other = uses.get(port);
    // The parts of a stack find each other by their ports, so none can be left to the system.
    if (port === 0) problems.push(`port 0 (${use}) cannot be chosen for a whole station`);
    else if (other === undefined) uses.set(port, use);
    else problems.push(`port ${port} cannot serve both ${other}, and ${use}`);
  }
  return problems;
}

/** Why a port cannot be listened on: the error's code, or undefined when it is free. */
export function portProblem(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}

const highestPort = 65_535;
/** How many ports from `near` the private one is looked for. */
const privateReach = 90;

/**
 * A free loopback port a little above `near`, below it at the end of the range; undefined when there is none. Not one the system hands out for outgoing connections: while the
 * edge restarts, a connection to such a port can get the port itself as its own end and meet itself.
 */
export async function privatePort(near: number, taken: ReadonlySet<number>): Promise<number | undefined> {
  const step = near + privateReach > highestPort ? -1 : 1;
  for (let away = 1 + Math.floor(Math.random() * 40); away <= privateReach; away++) {
    const port = near + step * away;
    if (!taken.has(port) && (await portProblem("127.0.0.1", port)) === undefined) return port;
  }
  return undefined;
}
