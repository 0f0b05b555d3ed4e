import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { guessEncoding, repairLegacyText } from "../../../../ingest/autodj/analysis/legacy-text.ts";
import { encodeLegacy } from "./legacy-encoder.ts";
import { titles } from "./titles.ts";

const lists = { ...titles, "euc-jp": titles["shift_jis"] ?? [] };
const asLatin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

/** One title by itself, as of a file without an artist: the hardest case. What cannot be told by two letters is not counted as right. */
describe("single titles of a few letters", () => {
  it.each([
    { label: "euc-kr", wrong: 1 },
    { label: "shift_jis", wrong: 3 },
    { label: "euc-jp", wrong: 1 },
    { label: "windows-1251", wrong: 1 },
    { label: "windows-1252", wrong: 0 },
  ])("in $label are read right but for $wrong", ({ label, wrong }) => {
    const encoded = (lists[label as keyof typeof lists] ?? []).flatMap((title) => {
      const bytes = encodeLegacy(title, label);
      return bytes ? [{ title, read: repairLegacyText([asLatin1(bytes)])[0] }] : [];
    });
    expect(encoded.length).toBeGreaterThanOrEqual(30);
    const misread = encoded.filter(({ title, read }) => read !== title);
    expect(misread.length, JSON.stringify(misread)).toBeLessThanOrEqual(wrong);
  });

  it("in UTF-8, and in ASCII, are read right", () => {
    for (const title of [...Object.values(titles).flat(), "Yesterday", "99 Luftballons"]) {
      if (/^.{1,2}$/u.test(title)) continue;
      expect(repairLegacyText([Buffer.from(title).toString("latin1")])).toEqual([title]);
    }
  });
});

describe("the fields of one file", () => {
  test("help each other", () => {
    const [artist, title] = ["X JAPAN", "紅"].map(
      (text) => encodeLegacy(text, "shift_jis") ?? new Uint8Array(0),
    );
    const album = encodeLegacy("ブルー・ブラッド", "shift_jis") ?? new Uint8Array(0);
    expect(
      repairLegacyText([title, artist, album].map((bytes) => asLatin1(bytes ?? new Uint8Array(0)))),
    ).toEqual(["紅", "X JAPAN", "ブルー・ブラッド"]);
  });

  test("stay where they were read rightly", () => {
    const fields = ["사랑", "Beyoncé", "", "Plain"];
    expect(repairLegacyText(fields)).toEqual(fields);
  });

  test("lose half a letter that ID3v1's 30 bytes cut", () => {
    const whole = encodeLegacy("a잊혀진 계절에 부르는 노래 모음집", "euc-kr") ?? new Uint8Array(0);
    const cut = whole.subarray(0, 30);
    expect(cut.at(-1)).toBeGreaterThan(0x7f);
    expect(guessEncoding(whole)).toBe("euc-kr");
    expect(repairLegacyText([asLatin1(cut)])[0]).toMatch(/^a잊혀진 계절에 부르는 노래 모.?$/u);
  });
});

test("any bytes become text without replacement characters", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (bytes) => {
      const [text] = repairLegacyText([asLatin1(bytes)]);
      return text !== undefined && !text.includes("\ufffd");
    }),
    { numRuns: 300 },
  );
});
