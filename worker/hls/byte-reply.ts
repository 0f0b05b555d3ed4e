/** A whole file in memory as HTTP has it: HEAD, If-None-Match, one range. */
export function byteReply(
  request: Request,
  bytes: Uint8Array<ArrayBuffer>,
  { contentType, cacheControl }: { readonly contentType: string; readonly cacheControl: string },
): Response {
  const etag = `"${hash(bytes)}"`;
  const headers = new Headers({
    "Content-Type": contentType,
    "Cache-Control": cacheControl,
    "Accept-Ranges": "bytes",
    ETag: etag,
  });
  const known = request.headers.get("If-None-Match");
  if (
    known !== null &&
    (known.trim() === "*" || known.split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag))
  ) {
    return new Response(null, { status: 304, headers });
  }
  const condition = request.headers.get("If-Range");
  const range =
    condition === null || condition === etag ? rangeOf(request.headers.get("Range"), bytes.length) : null;
  if (range === "unsatisfiable") {
    headers.set("Content-Range", `bytes */${bytes.length}`);
    headers.delete("ETag");
    return new Response(null, { status: 416, headers });
  }
  const [from, to] = range ?? [0, bytes.length];
  if (range) headers.set("Content-Range", `bytes ${from}-${to - 1}/${bytes.length}`);
  headers.set("Content-Length", String(to - from));
  const body = request.method === "HEAD" ? null : range ? bytes.slice(from, to) : bytes;
  return new Response(body, { status: range ? 206 : 200, headers });
}

/** First byte and the one after the last; null: the whole, also where several are asked for (RFC 9110 §14.2 allows that). */
function rangeOf(header: string | null, size: number): readonly [number, number] | "unsatisfiable" | null {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? "") ?? [];
  if (first === "") {
    if (last === "") return null;
    return Number(last) === 0 ? "unsatisfiable" : [Math.max(0, size - Number(last)), size];
  }
  if (last !== "" && Number(last) < Number(first)) return null;
  if (Number(first) >= size) return "unsatisfiable";
  return [Number(first), last === "" ? size : Math.min(size, Number(last) + 1)];
}

/** FNV-1a, 53 bits in two halves: tells versions of one address apart. */
function hash(bytes: Uint8Array): string {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (const byte of bytes) {
    low = Math.imul(low ^ byte, 0x01000193);
    high = Math.imul(high ^ byte, 0x0100018d);
  }
  return `${(low >>> 0).toString(36)}${(high >>> 0).toString(36)}${bytes.length.toString(36)}`;
}
