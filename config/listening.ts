import { isIP } from "node:net";

/** An address this machine reaches a listening address at. */
export function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

/** An address as it stands in a URL. */
export const urlHost = (host: string): string => (isIP(host) === 6 ? `[${host}]` : host);

/** The port of SHOUTcast sources; a port that the system chooses has no neighbour that is known. */
export const above = (port: number): number => (port === 0 ? 0 : port + 1);
