import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cutToBytes, maxTitleBytes, sanitiseTitle } from "../../shared/title.ts";

const utf8Bytes = (text: string): number => new TextEncoder().encode(text).length;

describe("a title from a source", () => {
  test.each([
    ["stays as it is", "Björk - Jóga", "Björk - Jóga"],
    ["keeps quotes and semicolons", "it's; a 'q0';x", "it's; a 'q0';x"],
    ["keeps spaces inside", "A  -  B", "A  -  B"],
    ["keeps Korean and emoji", "아이유 - 좋은 날 🎧", "아이유 - 좋은 날 🎧"],
    ["loses spaces at both ends", "  A - B \u00a0", "A - B"],
    ["becomes one line", "A\r\n- B\tC\u2028D\u0085E", "A - B C D E"],
    ["loses NUL and other control characters", "A\0 \u0001-\u007f B\u009f", "A - B"],
    ["gets U+FFFD for a lone surrogate", "A \ud83c B", "A \ufffd B"],
    ["may be nothing at all", " \r\n\0 ", ""],
  ])("%s", (_what, given, expected) => {
    expect(sanitiseTitle(given)).toBe(expected);
  });

  test("of 10 kB is cut to what fits an ICY block, at a whole character", () => {
    expect(sanitiseTitle("x".repeat(10_000))).toBe("x".repeat(4064));
    // 4064 is 1354 * 3 + 2 and 1016 * 4.
    expect(sanitiseTitle("날".repeat(10_000))).toBe("날".repeat(1354));
    expect(sanitiseTitle("🎧".repeat(10_000))).toBe("🎧".repeat(1016));
    expect(sanitiseTitle(`a${"🎧".repeat(10_000)}`)).toBe(`a${"🎧".repeat(1015)}`);
  });

  test("comes out well-formed, within its size, without control characters, and the same the second time", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 6000, size: "max" }), (given) => {
        const title = sanitiseTitle(given);
        expect(title.isWellFormed()).toBe(true);
        expect(utf8Bytes(title)).toBeLessThanOrEqual(maxTitleBytes);
        expect(title).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        expect(title).toBe(title.trim());
        expect(sanitiseTitle(title)).toBe(title);
      }),
    );
  });
});

test("a text is cut to the longest run of whole characters that fits", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.nat(60), (text, limit) => {
      const cut = cutToBytes(text, limit);
      expect(text.startsWith(cut)).toBe(true);
      expect(utf8Bytes(cut)).toBeLessThanOrEqual(limit);
      const [next = "x".repeat(limit + 1)] = text.slice(cut.length);
      expect(utf8Bytes(cut + next)).toBeGreaterThan(limit);
    }),
  );
});
