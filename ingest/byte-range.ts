/** Part of a file, both ends included. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * What of a file of `size` bytes a `Range` header asks for (RFC 9110 §14.1.2): "all" when it cannot be read or names several
 * parts, which a server may answer with the whole.
 */
export function byteRange(header: string | undefined, size: number): ByteRange | "all" | "unsatisfiable" {
  const [, first = "", last = ""] = /^bytes=[ \t]*(\d{0,15})-(\d{0,15})[ \t]*$/i.exec(header ?? "") ?? [];
  if (first === "" && last === "") return "all";
  if (first === "") {
    const bytes = Number(last);
    if (bytes === 0 || size === 0) return "unsatisfiable";
    return { from: Math.max(0, size - bytes), to: size - 1 };
  }
  const from = Number(first);
  if (last !== "" && Number(last) < from) return "all";
  if (from >= size) return "unsatisfiable";
  return { from, to: Math.min(size - 1, last === "" ? size - 1 : Number(last)) };
}
