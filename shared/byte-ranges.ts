/** Part of a file: from `from` to before `to`. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * What of a file of `size` bytes a `Range` header asks for, in the order asked for: as nginx 1.22 reads it
 * (`ngx_http_range_parse`), which players and download managers know. "whole": the file as if nothing had been asked for, also
 * for parts that are more than the file together, or more than `max`. "unsatisfiable": a range that cannot be read, or none of
 * them is in the file.
 */
export function parseByteRanges(
  header: string,
  size: number,
  max: number,
): readonly ByteRange[] | "whole" | "unsatisfiable" {
  const specs = /^bytes=(.+)$/is.exec(header)?.[1]?.split(",");
  if (!specs) return "whole";
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = rangeOf(spec, size);
    if (range === null) return "unsatisfiable";
    if (range.from < range.to) ranges.push(range);
    // The beginning of an empty file.
    else if (range.from === 0) return "whole";
  }
  if (ranges.length === 0) return "unsatisfiable";
  const asked = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  return asked > size || ranges.length > max ? "whole" : ranges;
}

/** Null when it cannot be read; empty when it is not in the file. Beyond 2^53 nothing is exact, and nothing is in a file. */
function rangeOf(spec: string, size: number): ByteRange | null {
  const [, first = "", last = ""] = /^ *(\d{0,18}) *- *(\d{0,18}) *$/.exec(spec) ?? [];
  if (first === "") {
    // `- 5` is no suffix.
    if (last === "" || !/^ *-\d/.test(spec)) return null;
    return { from: Math.max(0, size - Number(last)), to: size };
  }
  return { from: Number(first), to: last === "" ? size : Math.min(size, Number(last) + 1) };
}
