import { isIP } from "node:net";
import type { Environment } from "./environment.ts";

/** What the environment says of an edge and a storage that are elsewhere. */
export interface Remote {
  readonly edgeUrl?: string;
  readonly bucketUrl?: string;
}

export function readRemote(env: Environment, problems: string[]): Remote {
  const url = (name: string): string | undefined => {
    const value = env[name];
    if (value === undefined || value === "") return undefined;
    if (/^https?:$/.test(URL.parse(value)?.protocol ?? "")) return value.replace(/\/+$/, "");
    problems.push(`${name} must be an http or https URL, got ${JSON.stringify(value)}`);
    return undefined;
  };
  const edgeUrl = url("SKYWAVE_EDGE_URL");
  const bucketUrl = url("SKYWAVE_S3_URL");
  return {
    ...(edgeUrl === undefined ? {} : { edgeUrl }),
    ...(bucketUrl === undefined ? {} : { bucketUrl }),
  };
}

/** Secrets of this data folder open nothing on another machine; a start with them would only fail later, less clearly. */
export function requireRemote({ edgeUrl, bucketUrl }: Remote, env: Environment, problems: string[]): void {
  if (edgeUrl === undefined) return;
  const needed: string[] = [];
  if (!env["SKYWAVE_S3_URL"]) needed.push("SKYWAVE_S3_URL");
  if (!isLoopback(edgeUrl)) needed.push("SKYWAVE_INGEST_TOKEN");
  if (!isLoopback(bucketUrl ?? edgeUrl))
    needed.push("SKYWAVE_S3_ACCESS_KEY_ID", "SKYWAVE_S3_SECRET_ACCESS_KEY");
  for (const name of needed) {
    if (!env[name]) problems.push(`${name} must be set for an edge that SKYWAVE_EDGE_URL names (${edgeUrl})`);
  }
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return (
    hostname === "localhost" || hostname === "[::1]" || (isIP(hostname) === 4 && hostname.startsWith("127."))
  );
}
