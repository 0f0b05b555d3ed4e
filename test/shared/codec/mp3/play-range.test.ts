import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DECODER_DELAY, type InfoFrame } from "../../../../shared/codec/mp3/lame-tag.ts";
import { playRange } from "../../../../shared/codec/mp3/play-range.ts";

interface Told {
  readonly delay: number;
  readonly padding: number;
  readonly samplesPerFrame?: number;
  readonly frames?: number;
  readonly continued?: boolean;
  readonly continues?: boolean;
}

function info({
  delay,
  padding,
  samplesPerFrame = 1152,
  frames,
  continued = false,
  continues = false,
}: Told) {
  const lame = { encoder: "LAME3.100", delay, padding, continued, continues };
  const told: InfoFrame = { kind: "info", sampleRate: 44_100, samplesPerFrame, lame };
  return frames === undefined ? told : { ...told, frames };
}

const anyTold = fc.record({
  delay: fc.integer({ min: 0, max: 4095 }),
  padding: fc.integer({ min: 0, max: 4095 }),
  samplesPerFrame: fc.constantFrom(576, 1152),
});

describe("the frames of a file that play", () => {
  it.each([
    [
      "of LAME at 44.1 kHz: all but a last one that sound does not fill",
      { delay: 576, padding: 1530 },
      100,
      0,
      99,
    ],
    ["of LAME with an end that fills its frame", { delay: 576, padding: 529 }, 100, 0, 100],
    ["of LAME with two frames of padding", { delay: 576, padding: 529 + 2 * 1152 }, 100, 0, 98],
    [
      "of LAME at 22.05 kHz: not the first, which is all delay",
      { delay: 576, padding: 600, samplesPerFrame: 576 },
      100,
      1,
      98,
    ],
    ["of an encoder that adds more than a frame", { delay: 1105, padding: 529 }, 100, 2, 98],
    ["that goes on in the next file", { delay: 576, padding: 1000, continued: true }, 100, 0, 100],
    ["that continues another", { delay: 2000, padding: 529, continues: true }, 100, 0, 100],
    ["that was cut: to its end", { delay: 576, padding: 1530, frames: 400 }, 100, 0, 100],
    ["that is whole", { delay: 576, padding: 1530, frames: 100 }, 100, 0, 99],
    ["whose tag leaves nothing of it: all", { delay: 4000, padding: 4000 }, 3, 0, 3],
    ["that has one frame: that", { delay: 576, padding: 0 }, 1, 0, 1],
  ] as const)("%s", (_name, told, frames, firstFrame, played) => {
    expect(playRange(info(told), frames)).toEqual({ firstFrame, frames: played });
  });

  it("are all where nothing is told of delay and padding", () => {
    expect(playRange(undefined, 7)).toEqual({ firstFrame: 0, frames: 7 });
    const { lame: _, ...untold } = info({ delay: 1, padding: 1 });
    expect(playRange(untold, 7)).toEqual({ firstFrame: 0, frames: 7 });
  });

  it("add at most 1152 samples between any two files, primer included, and lose less than a frame at either end", () => {
    const files = fc.tuple(anyTold, anyTold, fc.integer({ min: 20, max: 500 }));
    fc.assert(
      fc.property(files, ([first, second, frames]) => {
        const size = first.samplesPerFrame;
        const ended = playRange(info(first), frames);
        const soundEnd = Math.min(frames * size, frames * size - first.padding + DECODER_DELAY);
        const after = (ended.firstFrame + ended.frames) * size - soundEnd;
        expect(after).toBeLessThanOrEqual(0);
        expect(after).toBeGreaterThan(-size);

        const begun = playRange(info(second), frames);
        const dropped = begun.firstFrame * second.samplesPerFrame;
        const lead = second.delay + DECODER_DELAY - dropped;
        const primer = begun.firstFrame > 0 ? second.samplesPerFrame : 0;
        expect(lead).toBeGreaterThan(-second.samplesPerFrame);
        expect(Math.max(0, lead) + primer).toBeLessThanOrEqual(1152);
      }),
      { numRuns: 2_000 },
    );
  });
});
