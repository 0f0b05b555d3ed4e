import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { gainStepsFor, taggedLevel } from "../../../../ingest/autodj/analysis/level.ts";
import { GAIN_STEP_DB } from "../../../../shared/codec/mp3/gain.ts";

describe("steps of gain", () => {
  it.each([
    { name: "none without a target", loudnessLufs: -30, peak: 0.1, target: null, steps: 0 },
    { name: "none for silence", loudnessLufs: null, peak: 0, target: -16, steps: 0 },
    { name: "none where nothing is known", loudnessLufs: undefined, peak: undefined, target: -16, steps: 0 },
    { name: "the nearest, softer", loudnessLufs: -10, peak: 1, target: -16, steps: -4 },
    { name: "the nearest, louder", loudnessLufs: -19, peak: 0.1, target: -16, steps: 2 },
    { name: "what the peak leaves room for", loudnessLufs: -22, peak: 0.7, target: -16, steps: 2 },
    { name: "none where the peak is full scale", loudnessLufs: -22, peak: 1, target: -16, steps: 0 },
    { name: "none, not less, where it is beyond", loudnessLufs: -22, peak: 1.3, target: -16, steps: 0 },
    { name: "at most 12 dB", loudnessLufs: -60, peak: 0.001, target: -16, steps: 7 },
  ])("$name", ({ loudnessLufs, peak, target, steps }) => {
    expect(gainStepsFor({ loudnessLufs, peak }, target)).toBe(steps);
  });

  test("no gain takes a peak beyond full scale", () => {
    fc.assert(
      fc.property(
        fc.double({ min: -70, max: 0, noNaN: true }),
        fc.double({ min: 1e-4, max: 1, noNaN: true }),
        (loudnessLufs, peak) => {
          const steps = gainStepsFor({ loudnessLufs, peak }, -16);
          return peak * 10 ** ((steps * GAIN_STEP_DB) / 20) <= 1 + 1e-9 && steps * GAIN_STEP_DB <= 12;
        },
      ),
    );
  });
});

describe("what tags say of the level", () => {
  it.each([
    {
      tags: { trackGainDb: -7.5, trackPeak: 0.98 },
      lame: undefined,
      level: { loudnessLufs: -10.5, peak: 0.98 },
    },
    { tags: { r128TrackGain: 512 }, lame: undefined, level: { loudnessLufs: -25 } },
    { tags: {}, lame: -6, level: { loudnessLufs: -12 } },
    { tags: { trackGainDb: -2 }, lame: -6, level: { loudnessLufs: -16 } },
    { tags: { trackGainDb: 500, trackPeak: -1 }, lame: undefined, level: {} },
    { tags: {}, lame: undefined, level: {} },
  ])("$tags, LAME $lame", ({ tags, lame, level }) => {
    expect(taggedLevel(tags, lame)).toEqual(level);
  });
});
