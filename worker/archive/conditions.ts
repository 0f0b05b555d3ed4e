/** What a reply says of the version that it sends. */
export interface Version {
  /** With its quotes; strong. */
  readonly etag: string;
  /** Whole seconds, ms since the Unix epoch; null: it has no time. */
  readonly lastModifiedMs: number | null;
}

type RequestHeaders = Pick<Headers, "get">;

/** What conditions of a request make of its reply, as nginx 1.22 (`ngx_http_not_modified_filter_module`) reads them. */
export function conditionOf(
  headers: RequestHeaders,
  { etag, lastModifiedMs }: Version,
): "send" | "unchanged" | "failed" {
  const unmodifiedSince = headers.get("If-Unmodified-Since");
  const isLater = lastModifiedMs !== null && !(Date.parse(unmodifiedSince ?? "") >= lastModifiedMs);
  if (unmodifiedSince !== null && isLater) return "failed";
  const match = headers.get("If-Match");
  if (match !== null && !names(match, etag, false)) return "failed";
  const modifiedSince = headers.get("If-Modified-Since");
  const noneMatch = headers.get("If-None-Match");
  if (modifiedSince === null && noneMatch === null) return "send";
  // Each that is there has to be the version: a clock alone, or a name alone, may lie.
  if (modifiedSince !== null && Date.parse(modifiedSince) !== lastModifiedMs) return "send";
  return noneMatch === null || names(noneMatch, etag, true) ? "unchanged" : "send";
}

/** The range that a request asks for; null when it asks for none, or for one of another version. */
export function rangeHeader(headers: RequestHeaders, { etag, lastModifiedMs }: Version): string | null {
  const range = headers.get("Range");
  const condition = headers.get("If-Range");
  if (range === null || condition === null) return range;
  const isVersion = condition.endsWith('"') ? condition === etag : Date.parse(condition) === lastModifiedMs;
  return isVersion ? range : null;
}

const names = (list: string, etag: string, weak: boolean): boolean =>
  list === "*" ||
  list.split(",").some((each) => (weak ? each.trim().replace(/^W\//, "") : each.trim()) === etag);
