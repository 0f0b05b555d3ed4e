import type { EdgeStation } from "../shared/edge-station.ts";

type Alias = EdgeStation["aliases"][number];

/**
 * Where a request goes instead, as `alias` in an Icecast configuration: the first that names exactly this path, whatever
 * it leads to is not looked up again. `ingestPort` is that of the ingest host it came through, if any: a port-limited
 * alias counts only there. The query goes along, after the destination's own. Null: where it was going.
 */
export function aliasOf(url: URL, ingestPort: number | null, aliases: readonly Alias[]): URL | null {
  if (aliases.length === 0) return null;
  const path = decoded(url.pathname);
  const alias = aliases.find(
    ({ source, port }) =>
      (source === path || source === url.pathname) && (port === undefined || port === ingestPort),
  );
  if (!alias?.destination.startsWith("/")) return null;
  const [, destination = "/", query = ""] = /^([^?]*)\??(.*)$/s.exec(alias.destination) ?? [];
  const to = new URL(url);
  // A name of a host in it would be part of the path.
  to.pathname = destination;
  to.search = [query, url.search.slice(1)].filter((part) => part !== "").join("&");
  return to;
}

/** What was asked for by requests that go by an alias. */
const asked = new WeakMap<Request, string>();

/** The request that goes to `to` instead; it ends when the listener's does. */
export function aliased(request: Request, to: URL): Request {
  const next = new Request(to, request);
  asked.set(next, targetAsAsked(request));
  return next;
}

/** Path and query of a request before any alias: what authentication servers are told. */
export function targetAsAsked(request: Request): string {
  const { pathname, search } = new URL(request.url);
  return asked.get(request) ?? pathname + search;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
