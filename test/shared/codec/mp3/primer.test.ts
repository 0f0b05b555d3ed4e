import { beforeAll, describe, expect, it } from "vitest";
import type { Frame } from "../../../../shared/codec/codec.ts";
import { mp3 } from "../../../../shared/codec/mp3/mp3.ts";
import { primerFor, reachOf } from "../../../../shared/codec/mp3/primer.ts";
import { requireClient } from "../../../support/clients.ts";
import {
  complaintsOfPrograms,
  type Decode,
  decodeWithMpg123,
  openMpg123Wasm,
} from "../../../support/decoders.ts";
import { concat, FIXTURES, fixtureFrames, noise } from "./streams.ts";

const SEGMENT_FRAMES = 40;
const JOINED_FRAMES = 12;
const JOINS = 20;
/** One step of 16-bit sound: what two roundings of one sample may differ by. */
const LSB = 1 / 32_768;

let decodeWasm: Decode;
beforeAll(async () => {
  decodeWasm = await openMpg123Wasm();
});

const bytesOf = (frames: readonly Frame[]): Uint8Array => concat(...frames.map((frame) => frame.bytes));
const decoderFor = (name: string): Decode => (name === "freeformat.mp3" ? decodeWithMpg123 : decodeWasm);

interface Join {
  /** Index of the first frame played, in the whole stream. */
  readonly at: number;
  readonly primer: Uint8Array;
  readonly rest: Uint8Array;
}

/** Joins all over the stream, each at some frame of the segment that holds it; the first at a segment's first frame. */
function joinsOf(frames: readonly Frame[], seed: number): Join[] {
  const random = noise(JOINS * 2, seed);
  return Array.from({ length: JOINS }, (_, i) => {
    const from =
      1 + Math.floor(((frames.length - SEGMENT_FRAMES - 1) * (i + (random[i] ?? 0) / 256)) / JOINS);
    const segment = frames.slice(from, from + SEGMENT_FRAMES);
    const body = bytesOf(segment);
    const spans = mp3.indexFrames(body);
    const index = i === 0 ? 0 : (random[JOINS + i] ?? 0) % (SEGMENT_FRAMES - JOINED_FRAMES);
    const before = segment[0]?.reservoir ?? new Uint8Array(0);
    return {
      at: from + index,
      primer: mp3.primer(body, spans, index, before),
      rest: body.subarray(spans[index]?.offset ?? 0, spans[index + JOINED_FRAMES]?.offset),
    };
  });
}

const samplesOf = (bytes: Uint8Array): number =>
  mp3.indexFrames(bytes).reduce((sum, frame) => sum + frame.samples, 0);

/** Frames from the second source frame on (the third when frames are one granule), where joined and unbroken must agree. */
function worstDifference(
  frames: readonly Frame[],
  join: Join,
  joined: Float32Array,
  unbroken: Float32Array,
  skip: number,
): number {
  const frameSamples = frames[0]?.samples ?? 0;
  const settle = (frameSamples === 576 ? 2 : 1) * frameSamples;
  let worst = 0;
  for (let i = settle; i < JOINED_FRAMES * frameSamples; i++) {
    const expected = unbroken[join.at * frameSamples + i] ?? Number.NaN;
    const actual = joined[skip + i] ?? Number.NaN;
    worst = Math.max(worst, Math.abs(expected - actual));
  }
  return worst;
}

describe("a join with a primer", () => {
  const layer3 = FIXTURES.filter(({ name }) => name.endsWith(".mp3"));

  it.for(layer3)(
    "in $name sounds like the unbroken stream; without, it does not",
    { timeout: 60_000 },
    async ({ name }, context) => {
      if (name === "freeformat.mp3") requireClient(context, "mpg123");
      const frames = fixtureFrames(name);
      const decode = decoderFor(name);
      const unbroken = await decode(bytesOf(frames));
      let damagedWithout = 0;
      for (const join of joinsOf(frames, 11)) {
        const primed = await decode(concat(join.primer, join.rest));
        const bare = await decode(join.rest);
        expect(primed.complaints).toEqual([]);
        expect(primed.samples).toBe(samplesOf(join.primer) + samplesOf(join.rest));
        for (const [channel, expected] of unbroken.channels.entries()) {
          const joined = primed.channels[channel] ?? new Float32Array(0);
          expect(worstDifference(frames, join, joined, expected, samplesOf(join.primer))).toBeLessThanOrEqual(
            LSB,
          );
        }
        const [expected] = unbroken.channels;
        const [joined] = bare.channels;
        if (!expected || !joined) throw new Error("nothing was decoded");
        if (!(worstDifference(frames, join, joined, expected, 0) <= LSB)) damagedWithout++;
      }
      expect(damagedWithout).toBeGreaterThan(JOINS / 2);
    },
  );

  it.for(layer3.filter(({ name }) => name !== "freeformat.mp3"))(
    "in $name draws no complaint from ffmpeg or mpg123, also between silence and other sound; without, it does",
    ({ name }, context) => {
      requireClient(context, "ffmpeg", "mpg123");
      const frames = fixtureFrames(name);
      const like = frames[0]?.bytes ?? new Uint8Array(0);
      const silence = Array.from({ length: 5 }, () => mp3.silence(like));
      const parts = joinsOf(frames, 23).flatMap(({ primer, rest }, i) => [
        primer,
        rest,
        ...(i % 2 === 0 ? silence : []),
      ]);
      expect(complaintsOfPrograms(concat(...parts))).toEqual([]);
      const bare = joinsOf(frames, 23).map(({ rest }) => rest);
      expect(complaintsOfPrograms(concat(...bare))).not.toEqual([]);
    },
  );
});

describe("a primer", () => {
  const frames = fixtureFrames("cbr128-joint44.mp3");
  const target = frames.find((frame) => reachOf(frame.bytes) > 300);
  const bytes = target?.bytes ?? new Uint8Array(0);
  const reach = reachOf(bytes);

  it("is one frame of the stream's own bitrate that ends in the bytes reached for", () => {
    const reservoir = target?.reservoir ?? new Uint8Array(0);
    const primer = primerFor(bytes, reservoir);
    expect(primer).toHaveLength(417);
    expect([...primer.subarray(0, 4)]).toEqual([0xff, 0xfb, 0x90, 0x44]);
    expect(primer.subarray(4, 36)).toEqual(new Uint8Array(32));
    expect(primer.subarray(417 - reach)).toEqual(reservoir.subarray(reservoir.length - reach));
  });

  it("is empty for a frame that stands alone, for Layer II and for an index that is not there", () => {
    const [first] = frames;
    if (!first) throw new Error("the fixture is empty");
    expect(primerFor(first.bytes, noise(511, 1))).toHaveLength(0);
    const layer2 = bytesOf(fixtureFrames("layer2.mp2").slice(0, 9));
    expect(mp3.primer(layer2, mp3.indexFrames(layer2), 5, noise(511, 1))).toHaveLength(0);
    expect(mp3.primer(first.bytes, mp3.indexFrames(first.bytes), 1, noise(511, 1))).toHaveLength(0);
    expect(mp3.primer(new Uint8Array(0), [], 0, new Uint8Array(0))).toHaveLength(0);
  });

  it("has zeros in front when fewer bytes are known", () => {
    const primer = primerFor(bytes, Uint8Array.of(1, 2, 3));
    expect(primer.subarray(417 - reach)).toEqual(concat(new Uint8Array(reach - 3), Uint8Array.of(1, 2, 3)));
  });

  it("takes the smallest bitrate with room when the stream's own has none", () => {
    const small = new Uint8Array(104);
    small.set([0xff, 0xfb, 0x10, 0x44, 0xff, 0x80]);
    expect(reachOf(small)).toBe(511);
    const primer = primerFor(small, noise(511, 9));
    // 160 kb/s has 522 bytes, 486 of them main data; 192 kb/s is the first with room.
    expect([...primer.subarray(0, 4)]).toEqual([0xff, 0xfb, 0xb0, 0x44]);
    expect(primer).toHaveLength(626);
    expect(primer.subarray(-511)).toEqual(noise(511, 9));
  });

  it("of a protected stream carries no CRC", () => {
    const protectedFrame = fixtureFrames("crc128.mp3").find((frame) => reachOf(frame.bytes) > 0);
    expect(protectedFrame?.bytes[1]).toBe(0xfa);
    expect(primerFor(protectedFrame?.bytes ?? bytes, noise(511, 2))[1]).toBe(0xfb);
  });

  it("of small free format frames is several, each reaching over those before it", () => {
    const small = new Uint8Array(101);
    small.set([0xff, 0xfb, 0x02, 0xc4, 100, 0]);
    expect(reachOf(small)).toBe(200);
    const known = noise(511, 4);
    const primer = primerFor(small, known);
    const spans = mp3.indexFrames(primer);
    expect(spans.map(({ size }) => size)).toEqual([100, 100, 100]);
    const parts = spans.map(({ offset, size }) => primer.subarray(offset, offset + size));
    expect(parts.map((part) => reachOf(part))).toEqual([0, 79, 158]);
    expect(concat(...parts.map((part) => part.subarray(21))).slice(-200)).toEqual(known.subarray(-200));
  });
});
