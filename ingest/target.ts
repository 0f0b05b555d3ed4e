/** What a request target asks for: the path as sent, still encoded, and the query without `?`. */
export interface SplitTarget {
  readonly path: string;
  readonly query: string;
}

/** Takes a path or an absolute form (RFC 9112 §3.2.2). Null for what is neither. */
export function splitTarget(target: string): SplitTarget | null {
  const local = target.replace(/^https?:\/\/[^/?#]*/i, "").replace(/#.*$/, "");
  const mark = local.indexOf("?");
  const path = mark < 0 ? local : local.slice(0, mark);
  if (!path.startsWith("/")) return null;
  return { path, query: mark < 0 ? "" : local.slice(mark + 1) };
}

/**
 * Whether a path must not leave this port for the edge. The edge runtime opens `/cdn-cgi/` (storage, object explorer)
 * to requests from its own machine, and what is passed on comes from there; the ingest API is for ingest hosts.
 * Any spelling that some reader might take for them is refused.
 */
export function isPrivatePath(path: string): boolean {
  const plain = decodeRepeatedly(path).toLowerCase().replaceAll("\\", "/");
  const parts = plain.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.some((part) => /^cdn-cgi(?:$|[;?#\s])/.test(part))) return true;
  const api = parts.indexOf("api");
  if (api < 0) return false;
  // Readers differ in what `..` takes back where slashes are doubled: with one, whatever could remain is refused.
  if (parts.includes("..")) return parts.includes("ingest", api + 1);
  return parts.some((part, index) => part === "ingest" && parts[index - 1] === "api");
}

/** Nothing in a URL is encoded more often than this on purpose. */
const maxDecodings = 4;

function decodeRepeatedly(path: string): string {
  let plain = path;
  for (let round = 0; round < maxDecodings; round++) {
    const next = plain.replace(/%[0-9a-f]{2}/gi, (escape) =>
      String.fromCharCode(Number.parseInt(escape.slice(1), 16)),
    );
    if (next === plain) break;
    plain = next;
  }
  return plain;
}

/** The target as it may stand in a request line: what came raw is percent-encoded as UTF-8, the rest stays as it is. */
export function encodeTarget({ path, query }: SplitTarget): string {
  const target = query === "" ? path : `${path}?${query}`;
  return target.toWellFormed().replace(/[^\x21-\x7e]+/g, encodeURIComponent);
}
