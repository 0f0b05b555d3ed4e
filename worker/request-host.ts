import type { Context } from "hono";
import { knownStation } from "./directory.ts";
import type { Env } from "./env.ts";
import { isSecret } from "./is-secret.ts";
import type { Host } from "./mount-feed.ts";

/** Of every Hono app of this worker. */
export interface App {
  readonly Bindings: Env;
}

export const hostOf = (context: Context<App>): Host => ({
  env: context.env,
  keepAlive: (work) => context.executionCtx.waitUntil(work),
  hostname: new URL(context.req.url).hostname,
});

/** Scheme and host as whoever asks typed them: of a request that came through an ingest host what was asked for there. */
export async function publicOrigin(context: Context<App>): Promise<string> {
  const { headers } = context.req.raw;
  const host = await forwardedHost(headers, context.env);
  if (host === null) return new URL(context.req.url).origin;
  return `${forwardedScheme(headers)}://${host}`;
}

/** The port of an ingest host that the request came through; null for one that came straight to the edge. */
export async function ingestPort(headers: Headers, env: Env): Promise<number | null> {
  const host = await forwardedHost(headers, env);
  if (host === null) return null;
  const port = /:(\d{1,5})$/.exec(host)?.[1];
  return port === undefined ? (forwardedScheme(headers) === "https" ? 443 : 80) : Number(port);
}

/**
 * Host and port that an ingest host was asked for; null for a request that came straight here. Nobody else is believed.
 * HTTP/1.0 need not say whom it asks: then it is the station's host name, as Icecast has it.
 */
export async function forwardedHost(headers: Headers, env: Env): Promise<string | null> {
  const token = headers.get("X-Skywave-Ingest");
  if (token === null || !env.INGEST_TOKEN || !(await isSecret(token, env.INGEST_TOKEN))) return null;
  const host = headers.get("X-Forwarded-Host");
  if (host !== null) return isAuthority(host) ? host : null;
  const port = headers.get("X-Forwarded-Port");
  return port === null ? null : `${knownStation(env).hostname}:${port}`;
}

/** What can stand in a URL: it goes into links and playlists. */
const isAuthority = (host: string): boolean =>
  /^[A-Za-z0-9._:[\]-]{1,255}$/.test(host) && URL.canParse(`http://${host}/`);

const forwardedScheme = (headers: Headers): "http" | "https" =>
  headers.get("X-Forwarded-Proto") === "https" ? "https" : "http";
