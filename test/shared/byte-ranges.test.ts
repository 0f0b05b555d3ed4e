import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type ByteRange, parseByteRanges } from "../../shared/byte-ranges.ts";

const size = 1_000;
const one = (from: number, to: number): ByteRange[] => [{ from, to }];

describe("a Range header", () => {
  // The end-to-end test of archive files asks nginx for the same.
  it.each([
    ["bytes=0-0", one(0, 1)],
    ["bytes=0-", one(0, size)],
    ["bytes=0-999", one(0, size)],
    ["bytes=0-1000", one(0, size)],
    ["bytes=999-", one(999, size)],
    ["bytes=10-19", one(10, 20)],
    ["BYTES=10-19", one(10, 20)],
    ["bytes= 10 - 19 ", one(10, 20)],
    ["bytes=0-999999999999999999", one(0, size)],
    ["bytes=-1", one(999, size)],
    ["bytes=-5000", one(0, size)],
    ["bytes= -5", one(995, size)],
    ["bytes=0-1,5-9", [...one(0, 2), ...one(5, 10)]],
    ["bytes=5-9, 0-1", [...one(5, 10), ...one(0, 2)]],
    ["bytes=0-1,2000-", one(0, 2)],
    ["bytes=0-599,400-999", "whole"],
    ["bytes=0-0,1-1,2-2,3-3,4-4", "whole"],
    ["bytes=1000-", "unsatisfiable"],
    ["bytes=9-5", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=-", "unsatisfiable"],
    ["bytes=- 5", "unsatisfiable"],
    ["bytes=a-b", "unsatisfiable"],
    ["bytes=1-2,", "unsatisfiable"],
    ["bytes=1.5-2", "unsatisfiable"],
    ["bytes=99999999999999999999-", "unsatisfiable"],
    ["bytes=", "whole"],
    ["bytes 0-5", "whole"],
    ["items=0-5", "whole"],
    ["", "whole"],
  ])("%j", (header, expected) => {
    expect(parseByteRanges(header, size, 4)).toEqual(expected);
  });

  it("counts beyond 32 bits", () => {
    const large = 6_000_000_000;
    expect(parseByteRanges("bytes=5999999999-", large, 4)).toEqual(one(5_999_999_999, large));
    expect(parseByteRanges("bytes=-4294967297", large, 4)).toEqual(one(large - 4_294_967_297, large));
  });

  it("asks for nothing of an empty file", () => {
    expect(parseByteRanges("bytes=0-5", 0, 4)).toBe("whole");
    expect(parseByteRanges("bytes=1-5", 0, 4)).toBe("unsatisfiable");
  });

  it("whatever it says, gives ranges within the file, no more than the file together", () => {
    const spec = fc
      .tuple(fc.option(fc.nat(1_200)), fc.option(fc.nat(1_200)))
      .map((ends) => ends.map((end) => end ?? "").join("-"));
    const header = fc.oneof(
      fc.array(spec).map((specs) => `bytes=${specs.join(",")}`),
      fc.string(),
    );
    fc.assert(
      fc.property(header, fc.nat(1_100), (text, bytes) => {
        const ranges = parseByteRanges(text, bytes, 4);
        if (typeof ranges === "string") return;
        expect(ranges.length).toBeGreaterThan(0);
        for (const { from, to } of ranges)
          expect([0 <= from, from < to, to <= bytes]).toEqual([true, true, true]);
        expect(ranges.reduce((sum, { from, to }) => sum + to - from, 0)).toBeLessThanOrEqual(bytes);
      }),
    );
  });
});
