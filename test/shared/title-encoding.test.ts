import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { isTitleEncoding, titleEncoding } from "../../shared/title-encoding.ts";

const labels = [
  "iso-8859-1",
  "iso-8859-2",
  "windows-1251",
  "koi8-r",
  "euc-kr",
  "shift_jis",
  "gbk",
  "big5",
  "euc-jp",
];
const bytesOf = (label: string, text: string): number[] => [...titleEncoding(label).encode(text)];

describe("an encoding of titles", () => {
  it("writes what the encoding has, byte by byte as its tables say", () => {
    expect(bytesOf("iso-8859-1", "Jóga")).toEqual([0x4a, 0xf3, 0x67, 0x61]);
    expect(bytesOf("ISO8859-2", "Żółw")).toEqual([0xaf, 0xf3, 0xb3, 0x77]);
    expect(bytesOf("CP1251", "Мир")).toEqual([0xcc, 0xe8, 0xf0]);
    expect(bytesOf("koi8-r", "Мир")).toEqual([0xed, 0xc9, 0xd2]);
    expect(bytesOf("windows-1252", "€")).toEqual([0x80]);
    expect(bytesOf("euc-kr", "한글")).toEqual([0xc7, 0xd1, 0xb1, 0xdb]);
    expect(bytesOf("shift_jis", "ｱ東")).toEqual([0xb1, 0x93, 0x8c]);
  });

  it("writes a question mark for what it does not have, and plain forms of typography", () => {
    expect(bytesOf("iso-8859-1", "€ 東𝄞\ud800")).toEqual(Array.from("? ???", (c) => c.charCodeAt(0)));
    expect(Buffer.from(titleEncoding("latin1").encode("“It’s” – … ‚")).toString()).toBe('"It\'s" - ... ?');
    expect(bytesOf("windows-1252", "’")).toEqual([0x92]);
  });

  it("is UTF-8 where the label is absent, unknown or of no use for ICY", () => {
    for (const label of [
      undefined,
      "UTF-8",
      "utf8",
      "klingon",
      "utf-16le",
      "iso-2022-jp",
      "x-user-defined",
    ]) {
      expect(titleEncoding(label).name).toBe("utf-8");
    }
    expect(["utf-8", "UTF8", "Latin1", "cp1250"].every(isTitleEncoding)).toBe(true);
    expect(["klingon", "utf-16le", "iso-2022-jp", "replacement"].some(isTitleEncoding)).toBe(false);
  });

  it("is the same object for every name of it", () => {
    expect(titleEncoding("CP1251")).toBe(titleEncoding("windows-1251"));
    expect(titleEncoding("cp1251")).toBe(titleEncoding("x-cp1251"));
  });

  it("reads back as what was written, is never longer than UTF-8, and writes ASCII as it is", () => {
    fc.assert(
      fc.property(fc.constantFrom(...labels), fc.string({ unit: "binary" }), (label, text) => {
        const encoding = titleEncoding(label);
        const kept = Array.from(text)
          .filter((character) => encoding.has(character))
          .join("");
        const bytes = encoding.encode(kept);
        const decoder = new TextDecoder(label === "iso-8859-1" ? "latin1" : label);
        // Latin-1's upper controls are others in windows-1252, which is what the decoder knows.
        if (!/[\u0080-\u009f]/.test(kept)) expect(decoder.decode(bytes)).toBe(kept);
        expect(encoding.encode(text).length).toBeLessThanOrEqual(Buffer.byteLength(text));
      }),
      { numRuns: 300 },
    );
    fc.assert(
      fc.property(fc.constantFrom(...labels), fc.stringMatching(/^[ -Z^-}]*$/), (label, text) => {
        expect(Buffer.from(titleEncoding(label).encode(text)).toString()).toBe(text);
      }),
    );
  });
});
