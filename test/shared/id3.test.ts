import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { tagSize } from "../../shared/codec/mp3/tags.ts";
import { encodeTag, type Tag } from "../../shared/id3.ts";

const ascii = (bytes: Uint8Array): string => new TextDecoder("latin1").decode(bytes);

/** Frames one after another, read anew: identifier and content. */
function framesOf(bytes: Uint8Array): { id: string; body: Uint8Array }[] {
  const found: { id: string; body: Uint8Array }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const size = bytes.subarray(at + 4, at + 8).reduce((sum, byte) => sum * 128 + byte, 0);
    found.push({ id: ascii(bytes.subarray(at, at + 4)), body: bytes.subarray(at + 10, at + 10 + size) });
    at += 10 + size;
  }
  return found;
}
const chapter = (index: number) => ({
  startMs: index * 1_000,
  endMs: index * 1_000 + 900,
  text: `Song ${index}`,
});

describe("an ID3 tag", () => {
  it("says what it is told, byte for byte", () => {
    const tag = encodeTag({ title: "é", artist: "", chapters: [chapter(1)] });
    expect(ascii(tag)).toBe(
      [
        "ID3\x04\0\0\0\0\0\x52",
        "TIT2\0\0\0\x03\0\0\x03\u00c3\u00a9",
        "CTOC\0\0\0\x0b\0\0toc\0\x03\x01chp0\0",
        "CHAP\0\0\0\x26\0\0chp0\0\0\0\x03\xe8\0\0\x07\x6c\xff\xff\xff\xff\xff\xff\xff\xff",
        "TIT2\0\0\0\x07\0\0\x03Song 1",
      ].join(""),
    );
  });

  it("lists any number of chapters, 255 to a table", () => {
    const tag = encodeTag({
      title: "t",
      chapters: Array.from({ length: 600 }, (_, index) => chapter(index)),
    });
    const frames = framesOf(tag.subarray(10));
    const tables = frames.filter(({ id }) => id === "CTOC").map(({ body }) => ascii(body).split("\0"));
    expect(tables.map((parts) => parts[0])).toEqual(["toc", "toc0", "toc1", "toc2"]);
    expect(tables.slice(1).map((parts) => parts.length - 2)).toEqual([255, 255, 90]);
    expect(frames.filter(({ id }) => id === "CHAP")).toHaveLength(600);
  });

  it("is as long as it says, whatever is in it", () => {
    const text = fc.string({ unit: "binary" });
    const chapters = fc.array(
      fc.record({ startMs: fc.double({ min: 0, noNaN: true, max: 1e12 }), endMs: fc.nat(), text }),
    );
    const tag: fc.Arbitrary<Tag> = fc.record({ title: text, album: text, durationMs: fc.nat(), chapters });
    fc.assert(
      fc.property(tag, (value) => {
        const bytes = encodeTag(value);
        expect(tagSize(bytes, 0, bytes.length, true)).toBe(bytes.length);
        expect(framesOf(bytes.subarray(10)).reduce((sum, { body }) => sum + body.length + 10, 10)).toBe(
          bytes.length,
        );
      }),
    );
  });
});
