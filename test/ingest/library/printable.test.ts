import fc from "fast-check";
import { expect, test } from "vitest";
import { printable, shortened } from "../../../ingest/library/printable.ts";
import { duration, rate, size } from "../../../ingest/library/words.ts";

test("a name cannot move the cursor, colour the screen or turn text around", () => {
  expect(printable("a\u001b[31m\u0007b\u009bc\r\n")).toBe(String.raw`a\x1b[31m\x07b\x9bc\x0d\x0a`);
  expect(printable("x\u202egpm.exe\u2028\ud800")).toBe(String.raw`x\u202egpm.exe\u2028\ud800`);
  expect(printable("Sigur Rós – 日本の歌 👩🎤 'q'")).toBe("Sigur Rós – 日本の歌 👩🎤 'q'");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(printable(text)).not.toMatch(/[\p{Cc}\p{Bidi_Control}\p{Surrogate}\u2028\u2029]/u);
    }),
  );
});

test("a long name keeps both its ends", () => {
  expect(shortened("abcdefghij", 5)).toBe("ab…ij");
  expect(shortened("short", 5)).toBe("short");
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.integer({ min: 3, max: 40 }), (text, length) => {
      expect(Array.from(shortened(text, length)).length).toBeLessThanOrEqual(length);
    }),
  );
});

test("figures are written for people", () => {
  expect([999, 12_345, 9_876_543, 2_500_000_000].map(size)).toEqual([
    "999 B",
    "12.3 kB",
    "9.9 MB",
    "2.50 GB",
  ]);
  expect([400, 222_000, 3_723_000].map(duration)).toEqual(["0:00", "3:42", "1:02:03"]);
  expect(rate(5_100_000, 1_000)).toBe("5.1 MB/s");
  expect(rate(5, 0)).toBe("");
});
