import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crcOf, writeCrc, writtenCrc } from "../../../../shared/codec/mp3/crc.ts";
import { GAIN_STEP_DB, shiftGain } from "../../../../shared/codec/mp3/gain.ts";
import { decodeHeader } from "../../../../shared/codec/mp3/header.ts";
import { decodeSideInfo } from "../../../../shared/codec/mp3/side-info.ts";
import { silentFrame } from "../../../../shared/codec/mp3/silence.ts";
import { requireClient } from "../../../support/clients.ts";
import { complaintsOfPrograms, decodeWithMpg123, openMpg123Wasm } from "../../../support/decoders.ts";
import { complaintsAboutCrcs } from "./crc-check.ts";
import { concat, FIXTURES, fixtureFrames, valueOrProtocolError } from "./streams.ts";

const layer3 = FIXTURES.filter(({ name }) => name.endsWith(".mp3"));
const copies = (name: string): Uint8Array[] => fixtureFrames(name).map(({ bytes }) => bytes.slice());

function shifted(name: string, steps: number): Uint8Array[] {
  const frames = copies(name);
  for (const frame of frames) expect(shiftGain(frame, steps)).toBe(true);
  return frames;
}

const squareSum = (samples: Float32Array): number => samples.reduce((sum, value) => sum + value * value, 0);

describe("gain without encoding again", () => {
  it("is in steps of 1.5 dB", () => {
    expect(GAIN_STEP_DB).toBeCloseTo(1.505, 3);
  });

  it.for(layer3)("of $name scales every sample by 2^(steps/4)", async ({ name }, context) => {
    if (name === "freeformat.mp3") requireClient(context, "mpg123");
    const decode = name === "freeformat.mp3" ? decodeWithMpg123 : await openMpg123Wasm();
    const original = await decode(concat(...copies(name)));
    for (const steps of [-12, -3, -1, 2]) {
      const changed = await decode(concat(...shifted(name, steps)));
      expect(changed.complaints).toEqual([]);
      expect(changed.samples).toBe(original.samples);
      const factor = 2 ** (steps / 4);
      for (const [channel, before] of original.channels.entries()) {
        const after = changed.channels[channel] ?? new Float32Array(0);
        const error = after.map((value, at) => value - (before[at] ?? 0) * factor);
        expect(squareSum(error)).toBeLessThan(squareSum(after) * 1e-9);
      }
    }
  });

  it.each(layer3)("of $name taken back gives the very same bytes, where no gain met its end", ({ name }) => {
    const before = copies(name);
    for (const steps of [1, 7, -1, -20]) {
      const frames = copies(name);
      for (const frame of frames) {
        shiftGain(frame, steps);
        shiftGain(frame, -steps);
      }
      expect(concat(...frames)).toEqual(concat(...before));
    }
  });

  it("leaves all but the gains and the CRC alone, whatever the frame", () => {
    const all = layer3.flatMap(({ name }) => copies(name).slice(0, 150));
    fc.assert(
      fc.property(fc.constantFrom(...all), fc.integer({ min: -300, max: 300 }), (original, steps) => {
        const frame = original.slice();
        shiftGain(frame, steps);
        expect(frame.subarray(0, 4)).toEqual(original.subarray(0, 4));
        expect(decodeSideInfo(frame)).toEqual(decodeSideInfo(original));
        const header = decodeHeader(frame);
        if (header.crc) expect(writtenCrc(frame)).toBe(crcOf(frame, header));
      }),
      { numRuns: 300 },
    );
  });

  it("stops at both ends of the scale", () => {
    const [frame] = copies("cbr128-joint44.mp3").slice(40);
    if (!frame) throw new Error("the fixture is empty");
    const loudest = frame.slice();
    shiftGain(loudest, 255);
    const again = loudest.slice();
    shiftGain(again, 1);
    expect(again).toEqual(loudest);
    const softest = loudest.slice();
    shiftGain(softest, -255);
    expect(softest).not.toEqual(loudest);
    const below = softest.slice();
    shiftGain(below, -1);
    expect(below).toEqual(softest);
    shiftGain(below, 255);
    expect(below).toEqual(loudest);
  });

  it.each(FIXTURES)("leaves silence like $name as it is", ({ name }) => {
    const silence = silentFrame(copies(name)[3] ?? new Uint8Array(0));
    const before = silence.slice();
    shiftGain(silence, 9);
    expect(silence).toEqual(before);
  });

  it("says that Layer II cannot be changed, and does not", () => {
    const [frame] = copies("layer2.mp2");
    if (!frame) throw new Error("the fixture is empty");
    const before = frame.slice();
    expect(shiftGain(frame, 5)).toBe(false);
    expect(frame).toEqual(before);
  });

  it("leaves a CRC that was wrong before wrong", () => {
    const [frame] = copies("crc128.mp3").slice(60);
    if (!frame) throw new Error("the fixture is empty");
    const header = decodeHeader(frame);
    expect(crcOf(frame, header)).toBe(writtenCrc(frame));
    writeCrc(frame, writtenCrc(frame) ^ 0x1234);
    const wrong = writtenCrc(frame);
    shiftGain(frame, 3);
    expect(writtenCrc(frame)).toBe(wrong);
    expect(writtenCrc(frame)).not.toBe(crcOf(frame, header));
  });

  it("is total: it returns, or throws ProtocolError", () => {
    const start = fc.constantFrom([0xff, 0xfb, 0x90, 0x44], [0xff, 0xf2, 0x40, 0xc0], [0xff, 0xe3, 0x18], []);
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 80 }), fc.integer(), (head, rest, steps) => {
        valueOrProtocolError(() => shiftGain(Uint8Array.of(...head, ...rest), steps));
      }),
    );
  });
});

describe("real decoders that check CRCs", () => {
  it("accept a protected file with another gain", async (context) => {
    requireClient(context, "ffmpeg", "mpg123");
    for (const steps of [-7, 5]) {
      const bytes = concat(...shifted("crc128.mp3", steps));
      expect(await complaintsAboutCrcs(bytes)).toBe("");
      expect(complaintsOfPrograms(bytes)).toEqual([]);
    }
  });

  it("would notice a CRC that does not fit", async (context) => {
    requireClient(context, "ffmpeg");
    const frames = shifted("crc128.mp3", -7);
    const frame = frames[50];
    if (frame) writeCrc(frame, writtenCrc(frame) ^ 1);
    expect(await complaintsAboutCrcs(concat(...frames))).toContain("CRC");
  });
});
