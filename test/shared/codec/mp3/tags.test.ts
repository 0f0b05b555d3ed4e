import { describe, expect, it } from "vitest";
import { Mp3FrameParser } from "../../../../shared/codec/mp3/frame-parser.ts";
import { MAX_TAG_BYTES } from "../../../../shared/codec/mp3/limits.ts";
import { ascii, concat, fixtureFrames, id3v2, noise, parse, parseWhole } from "./streams.ts";

const frames = fixtureFrames("cbr128-joint44.mp3");
const run = (from: number, to: number): Uint8Array =>
  concat(...frames.slice(from, to).map((frame) => frame.bytes));
const audioOf = (parsed: ReturnType<typeof parseWhole>): Uint8Array =>
  concat(...parsed.frames.map((frame) => frame.bytes));

const padded = (text: string, length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  bytes.set(ascii(text));
  return bytes;
};

/** The 32 bytes that begin or end an APE tag; `size` counts items and footer. */
function ape(version: number, size: number, isHeader: boolean): Uint8Array {
  const block = padded("APETAGEX", 32);
  const view = new DataView(block.buffer);
  view.setUint32(8, version, true);
  view.setUint32(12, size, true);
  view.setUint32(16, 1, true);
  view.setUint32(20, version === 2000 ? 0x8000_0000 + (isHeader ? 0x2000_0000 : 0) : 0, true);
  return block;
}

/** A tag body full of what looks like frames. */
const tagOfFrames = (): Uint8Array => {
  const body = run(0, 40);
  const tag = id3v2(body.length);
  tag.set(body, 10);
  return tag;
};

const TAGS: readonly (readonly [string, Uint8Array])[] = [
  ["an ID3v2.2 tag", id3v2(700, 0xff, 2)],
  ["an ID3v2.3 tag", id3v2(5_000, 0xff, 3)],
  ["an ID3v2.4 tag with a footer", id3v2(900, 0xff, 4, 0x10)],
  ["an empty ID3v2 tag", id3v2(0)],
  ["an ID3v2 tag larger than any buffer", id3v2(300_000, 0xff)],
  ["an ID3v2 tag full of frames", tagOfFrames()],
  ["an ID3v1 tag", padded("TAGTitle", 128)],
  ["an ID3v1 tag whose title begins with a plus", padded("TAG+1", 128)],
  ["an extended ID3v1 tag", concat(padded("TAG+Title", 227), padded("TAGTitle", 128))],
  ["an APEv2 tag with header and footer", concat(ape(2000, 132, true), noise(100, 5), ape(2000, 132, false))],
  ["an APE footer by itself", ape(1000, 32, false)],
  ["several tags in a row", concat(padded("TAG", 128), id3v2(400), ape(2000, 32, false), id3v2(20))],
];

describe("tags", () => {
  for (const [name, tag] of TAGS) {
    it.each([
      ["at the start", 0],
      ["in mid-stream", 20],
      ["after the second frame", 2],
      ["at the end", 50],
    ])(`${name} %s is skipped and counted`, (_where, at) => {
      const stream = concat(run(0, at), tag, run(at, 50));
      for (const parsed of [
        parseWhole(stream),
        parse(stream, [1_400]),
        parse(stream, [at * 417 + 3, 1, 1, 1, 97]),
      ]) {
        expect(audioOf(parsed)).toEqual(run(0, 50));
        expect(parsed.counts).toMatchObject({ tagBytes: tag.length, garbageBytes: 0, resyncs: 0 });
      }
    });
  }

  it("byte by byte they are the same", () => {
    for (const [, tag] of TAGS.filter(([, bytes]) => bytes.length < 2_000)) {
      const stream = concat(tag, run(0, 10), tag, run(10, 20), tag);
      const parsed = parse(stream, [1]);
      expect(audioOf(parsed)).toEqual(run(0, 20));
      expect(parsed.counts.tagBytes).toBe(3 * tag.length);
    }
  });

  it("do not cost the lock: the frame after a tag is handed out with its last byte", () => {
    const parser = new Mp3FrameParser();
    parser.push(concat(run(0, 20), id3v2(5_000)));
    expect(parser.push(run(20, 21))).toHaveLength(1);
  });

  it("ID3v2 and APE are found amid garbage too", () => {
    const stream = concat(run(0, 20), noise(500, 1), id3v2(9_000, 0xff), run(20, 40));
    const { counts, ...parsed } = parseWhole(stream);
    expect(audioOf({ counts, ...parsed })).toEqual(run(0, 40));
    expect(counts).toMatchObject({ garbageBytes: 500, tagBytes: 9_010 });
  });

  it("an APEv1 tag without a header is garbage that ends in a footer", () => {
    const { counts, frames: found } = parseWhole(
      concat(run(0, 20), noise(100, 5), ape(1000, 132, false), run(20, 40)),
    );
    expect(found).toHaveLength(40);
    expect(counts).toMatchObject({ garbageBytes: 100, tagBytes: 32 });
  });

  it("the largest allowed is skipped without being kept", () => {
    const parser = new Mp3FrameParser();
    const tag = id3v2(MAX_TAG_BYTES - 10);
    parser.push(tag);
    expect(parser.counts.tagBytes).toBe(MAX_TAG_BYTES);
    expect(parser.push(run(0, 10)).length).toBeGreaterThan(0);
  });

  it.each([
    ["claims more than that", concat(id3v2(0).fill(0x7f, 6), run(0, 40))],
    ["has an unknown version", concat(id3v2(15_000, 0, 5).subarray(0, 10), run(0, 40))],
    ["has reserved flags", concat(id3v2(15_000, 0, 4, 1).subarray(0, 10), run(0, 40))],
    ["has a size that is not of 7-bit bytes", concat(id3v2(0).fill(0x80, 9), run(0, 40))],
  ])("an ID3v2 header that %s is garbage and swallows nothing", (_why, stream) => {
    for (const parsed of [parseWhole(stream), parse(stream, [1])]) {
      expect(audioOf(parsed)).toEqual(run(0, 40));
      expect(parsed.counts).toMatchObject({ garbageBytes: 10, tagBytes: 0 });
    }
  });

  it("a cut-off header that turns out to be no tag confirms no frames", () => {
    const parser = new Mp3FrameParser();
    const twoAndNoTag = concat(run(0, 2), ascii("ID3\x04\0\0"));
    expect(parser.push(twoAndNoTag)).toHaveLength(0);
    expect(parser.push(Uint8Array.of(0x7f, 0x7f, 0x7f, 0x7f))).toHaveLength(0);
  });

  it("three letters amid garbage are no ID3v1 tag", () => {
    const { counts } = parseWhole(concat(run(0, 20), ascii("junk TAG"), run(20, 40)));
    expect(counts).toMatchObject({ frames: 40, garbageBytes: 8, tagBytes: 0 });
  });

  it("the end of the stream inside a tag is no error", () => {
    const { counts, frames: found } = parseWhole(concat(run(0, 20), id3v2(5_000).subarray(0, 3_000)));
    expect(found).toHaveLength(20);
    expect(counts).toMatchObject({ tagBytes: 3_000, garbageBytes: 0 });
    expect(parseWhole(concat(run(0, 20), ascii("TAG"))).counts.garbageBytes).toBe(3);
  });
});
