import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Mp3FrameParser } from "../../../../shared/codec/mp3/frame-parser.ts";
import {
  ascii,
  concat,
  FIXTURES,
  fingerprint,
  fixture,
  fixtureFrames,
  id3v2,
  noise,
  parse,
  parseWhole,
} from "./streams.ts";

const cbr = fixtureFrames("cbr128-joint44.mp3");
const mono = fixtureFrames("mono48-64.mp3");
const run = (frames: typeof cbr, from: number, to: number): Uint8Array =>
  concat(...frames.slice(from, to).map((frame) => frame.bytes));
const bytesOf = (frames: typeof cbr): Uint8Array => concat(...frames.map((frame) => frame.bytes));

describe("frames of every kind of stream", () => {
  it.each(FIXTURES)("$name: as many as its encoder wrote, each once", ({ name, frames: expected, key }) => {
    const bytes = fixture(name);
    const { frames, counts } = parseWhole(bytes);
    expect(frames).toHaveLength(expected);
    expect(new Set(fingerprint(frames)).size).toBe(expected);
    expect(new Set(frames.map((frame) => frame.format.key))).toEqual(new Set([key]));
    expect(counts).toMatchObject({ frames: expected, garbageBytes: 0, resyncs: 0 });
    expect(bytesOf(frames).length + counts.tagBytes + counts.infoBytes).toBe(bytes.length);
  });

  it.each(FIXTURES)("$name: the same however the bytes are cut", ({ name }) => {
    const bytes = fixture(name).slice(0, 60_000);
    const whole = parseWhole(bytes);
    const bytewise = parse(bytes, [1]);
    expect(fingerprint(bytewise.frames)).toEqual(fingerprint(whole.frames));
    expect(bytewise.counts).toEqual(whole.counts);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 3_000 }), { minLength: 40, maxLength: 60 }), (sizes) => {
        const split = parse(bytes, sizes);
        expect(fingerprint(split.frames)).toEqual(fingerprint(whole.frames));
        expect(split.counts).toEqual(whole.counts);
      }),
      { numRuns: 15 },
    );
  });

  it("carry samples, bitrate, channels and a description", () => {
    expect(cbr[5]).toMatchObject({
      samples: 1152,
      format: {
        sampleRate: 44_100,
        channels: 2,
        bitrateKbps: 128,
        description: "MPEG-1 Layer III, 44100 Hz, joint stereo",
      },
    });
    expect(mono[5]).toMatchObject({ samples: 1152, format: { channels: 1, bitrateKbps: 64 } });
    expect(fixtureFrames("freeformat.mp3")[0]).toMatchObject({ format: { bitrateKbps: 0 } });
    expect(fixtureFrames("mpeg2-22k-64.mp3")[0]).toMatchObject({ samples: 576 });
  });

  it("stay as they were until the next push, however many one push brings", () => {
    const parser = new Mp3FrameParser();
    const bytes = bytesOf(cbr);
    const first = parser.push(bytes.subarray(0, 5_000));
    expect(bytesOf(first)).toEqual(bytes.subarray(0, first.length > 0 ? bytesOf(first).length : 1));
    const from = bytesOf(first).length;
    const rest = parser.push(bytes.subarray(5_000));
    expect(rest.length).toBeGreaterThan(200);
    expect(Buffer.from(bytesOf(rest)).equals(bytes.subarray(from))).toBe(true);
  });
});

describe("how soon a frame is handed out", () => {
  it("the first ones when two headers follow, each later one with its last byte", () => {
    const parser = new Mp3FrameParser();
    const [first, second, third, ...rest] = cbr;
    if (!first || !second || !third) throw new Error("the fixture is empty");
    expect(parser.push(concat(first.bytes, second.bytes, third.bytes.subarray(0, 3)))).toHaveLength(0);
    expect(parser.push(third.bytes.subarray(3, 4))).toHaveLength(2);
    expect(parser.push(third.bytes.subarray(4))).toHaveLength(1);
    for (const { bytes } of rest.slice(0, 50)) {
      expect(parser.push(bytes.subarray(0, -1))).toHaveLength(0);
      expect(parser.push(bytes.subarray(-1))).toHaveLength(1);
    }
  });

  it("two frames and the end of the stream are enough, one is not", () => {
    expect(parseWhole(run(cbr, 0, 2)).frames).toHaveLength(2);
    expect(parseWhole(run(cbr, 0, 1)).frames).toHaveLength(0);
    expect(parseWhole(run(cbr, 0, 1)).counts.garbageBytes).toBe(417);
  });

  it("a frame cut off by the end is not handed out", () => {
    const cut = concat(run(cbr, 0, 9), run(cbr, 9, 10).subarray(0, -1));
    const { frames, counts } = parseWhole(cut);
    expect(frames).toHaveLength(9);
    expect(counts.garbageBytes).toBe(cut.length - run(cbr, 0, 9).length);
  });
});

describe("what is not audio", () => {
  const random = noise(400_000, 7);
  it.each([
    ["text", ascii("The quick brown fox says TAG, ID3 and APETAGEX. ".repeat(3_000))],
    ["zeros", new Uint8Array(200_000)],
    ["ones", new Uint8Array(200_000).fill(0xff)],
    ["random bytes", random],
    ["a PNG", concat(Uint8Array.of(0x89), ascii("PNG\r\n\x1a\n\0\0\0\rIHDR"), random)],
    ["AAC in ADTS", adts(300)],
    [
      "UTF-16 text",
      concat(Uint8Array.of(0xff, 0xfe), new Uint8Array(Buffer.from("안녕하세요 ".repeat(9_000), "utf16le"))),
    ],
  ])("%s gives no frame and is counted", (_name, bytes) => {
    const { frames, counts } = parseWhole(bytes);
    expect(frames).toHaveLength(0);
    expect(counts.garbageBytes).toBe(bytes.length);
  });

  it.each([
    ["at the start", 0],
    ["in mid-stream", 20],
  ])("garbage %s is skipped, counted, and the frames after it are found", (_name, at) => {
    const garbage = noise(3_000, 3);
    const stream = concat(run(cbr, 0, at), garbage, run(cbr, at, 60));
    for (const parsed of [parseWhole(stream), parse(stream, [1])]) {
      expect(bytesOf(parsed.frames)).toEqual(run(cbr, 0, 60));
      expect(parsed.counts).toMatchObject({ garbageBytes: 3_000, resyncs: at === 0 ? 0 : 1 });
    }
  });

  it("a stream joined in the middle of a frame begins with the next whole frame", () => {
    const { frames, counts } = parseWhole(run(cbr, 0, 30).subarray(100));
    expect(bytesOf(frames)).toEqual(run(cbr, 1, 30));
    expect(counts.garbageBytes).toBe(317);
  });

  it.each([
    ["sync word", 1, 0x00],
    ["version", 1, 0xf3],
    ["sample rate", 2, 0x98],
    ["mono bit", 3, 0xc4],
    ["bitrate", 2, 0xf0],
    ["free format bitrate", 2, 0x00],
  ])("a damaged %s costs one frame", (_name, byte, value) => {
    const stream = run(cbr, 0, 40);
    const at = run(cbr, 0, 20).length;
    stream[at + byte] = value;
    for (const { frames, counts } of [parseWhole(stream), parse(stream, [1])]) {
      expect(bytesOf(frames)).toEqual(concat(run(cbr, 0, 20), run(cbr, 21, 40)));
      expect(counts).toMatchObject({ garbageBytes: cbr[20]?.bytes.length, resyncs: 1 });
    }
  });
});

describe("a change of format", () => {
  it.each(FIXTURES)("to $name passes with a new key and loses nothing", ({ name, key }) => {
    const other = fixtureFrames(name);
    const stream = concat(run(mono, 0, 20), run(other, 0, 20), run(mono, 20, 40));
    for (const { frames, counts } of [parseWhole(stream), parse(stream, [7])]) {
      expect(bytesOf(frames)).toEqual(stream);
      expect(frames.map((frame) => frame.format.key)).toEqual([
        ...Array.from({ length: 20 }, () => "mpeg1/3/48000/1"),
        ...Array.from({ length: 20 }, () => key),
        ...Array.from({ length: 20 }, () => "mpeg1/3/48000/1"),
      ]);
      expect(counts).toMatchObject({ garbageBytes: 0, resyncs: 0 });
    }
  });

  it("forgets the reservoir: a new format cannot reach back", () => {
    const { frames } = parseWhole(concat(run(mono, 0, 20), run(cbr, 0, 20)));
    expect(frames[20]?.reservoir).toHaveLength(0);
    expect(frames[19]?.reservoir).toHaveLength(511);
  });

  it("of one lone frame is damage", () => {
    const { frames } = parseWhole(concat(run(cbr, 0, 20), run(mono, 0, 1), run(cbr, 20, 40)));
    expect(bytesOf(frames)).toEqual(run(cbr, 0, 40));
  });
});

describe("what a frame does not continue", () => {
  const info = fixture("vbr-v2.mp3").slice(137, 137 + 417);
  const vbr = fixtureFrames("vbr-v2.mp3");

  it.each([
    [
      "nothing, at the beginning of a stream that begins with garbage",
      concat(noise(500, 2), run(cbr, 9, 20)),
      [],
    ],
    ["frames before garbage", concat(run(cbr, 0, 9), noise(500, 2), run(cbr, 9, 20)), [[9, "damage"]]],
    [
      "frames of another format",
      concat(run(cbr, 0, 9), run(mono, 0, 5), run(cbr, 9, 20)),
      [
        [9, "join"],
        [14, "join"],
      ],
    ],
    [
      "frames of another file with its Info frame",
      concat(info, run(vbr, 0, 9), info, run(vbr, 0, 9)),
      [[9, "join"]],
    ],
    [
      "garbage before an Info frame",
      concat(run(vbr, 0, 9), noise(99, 2), info, run(vbr, 0, 9)),
      [[9, "damage"]],
    ],
    ["all that a tag parts, since a tag is no loss", concat(run(cbr, 0, 9), id3v2(999), run(cbr, 9, 20)), []],
  ] as const)("is told: %s", (_name, bytes, expected) => {
    for (const { frames } of [parseWhole(bytes), parse(bytes, [1]), parse(bytes, [333])]) {
      const gaps = frames.flatMap(({ gap }, at) => (gap === null ? [] : [[at, gap]]));
      expect(gaps).toEqual(expected);
    }
  });
});

describe("any input", () => {
  /** Pieces that streams are made of, good and bad. */
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 600 }),
    fc.tuple(fc.constantFrom(cbr, mono), fc.nat(100), fc.nat(8)).map(([of, at, n]) => run(of, at, at + n)),
    fc.tuple(fc.nat(100), fc.nat(400)).map(([at, n]) => run(cbr, at, at + 1).subarray(n)),
    fc.nat(700).map((size) => id3v2(size, 0xff)),
    fc.constantFrom("TAG", "TAG+", "ID3", "APETAGEX", "Xing", "ID3\x04\0\0\x7f\x7f\x7f\x7f").map(ascii),
    fc
      .array(fc.constantFrom(0xff, 0xfb, 0xe2, 0x00, 0x90, 0x44), { maxLength: 300 })
      .map((b) => Uint8Array.from(b)),
  );
  const stream = fc.array(piece, { maxLength: 12 }).map((pieces) => concat(...pieces));

  it("is accounted for to the byte, and cut anyhow gives the same", () => {
    fc.assert(
      fc.property(stream, fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 30 }), (bytes, sizes) => {
        const { frames, counts } = parseWhole(bytes);
        expect(bytesOf(frames).length + counts.garbageBytes + counts.tagBytes + counts.infoBytes).toBe(
          bytes.length,
        );
        expect(frames).toHaveLength(counts.frames);
        const split = parse(bytes, sizes);
        expect(fingerprint(split.frames)).toEqual(fingerprint(frames));
        expect(split.counts).toEqual(counts);
      }),
      { numRuns: 400 },
    );
  });

  it("leaves a parser that still finds frames", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        const { frames } = parseWhole(concat(bytes, run(cbr, 0, 30)));
        expect(
          Buffer.concat(frames.map((frame) => frame.bytes)).indexOf(run(cbr, 8, 30)),
        ).toBeGreaterThanOrEqual(0);
      }),
      { numRuns: 100 },
    );
  });
});

/** AAC frames in ADTS, whose sync word differs from MPEG audio's in the layer bits only. */
function adts(count: number): Uint8Array {
  return concat(
    ...Array.from({ length: count }, (_, i) => {
      const frame = concat(Uint8Array.of(0xff, 0xf1, 0x50, 0x80, 0x2e, 0x7f, 0xfc), noise(364, i + 1));
      return frame;
    }),
  );
}
