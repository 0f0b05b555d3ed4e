import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FileLoop } from "../../shared/file-loop.ts";
import { stepAfter } from "../../shared/playhead.ts";
import { durationMs } from "../../shared/segment.ts";
import { fileSegments } from "../../shared/stored-file.ts";
import { millis, type SampleCount } from "../../shared/units.ts";

/** 2 s, 2 s and 1 s at 8 kHz: a round of 5 s. */
const index = {
  version: 1 as const,
  segments: [16_000, 16_000, 8_000].map((samples) => ({
    samples: samples as SampleCount,
    sampleRate: 8_000,
    channels: 1 as const,
    bytes: samples,
  })),
};
const loop = new FileLoop(fileSegments(index));

describe("a file in a loop", () => {
  it("is where the clock says", () => {
    // 10,000 rounds and 2.5 s: the first segment of this round ended half a second ago.
    const { window, edgeAgeMs } = loop.window(millis(50_002_500), 4_000);
    expect(window.map((segment) => [segment.epoch, segment.sequence])).toEqual([
      [10_000, 1],
      [10_000, 2],
      [10_001, 0],
    ]);
    expect(edgeAgeMs).toBe(500);
    expect(loop.nextInMs(millis(50_002_500))).toBe(1_500);
    expect(loop.nextInMs(millis(50_004_500))).toBe(500);
    expect(loop.nextInMs(millis(50_000_000))).toBe(2_000);
  });

  it("goes on without a hole: every window continues the one before, at any distance", () => {
    fc.assert(
      fc.property(fc.nat(100_000), fc.nat(8_000), (start, later) => {
        const first = loop.window(millis(1_000_000 + start), 30_000).window;
        const second = loop.window(millis(1_000_000 + start + later), 30_000).window;
        let heardMs = 0;
        for (let at = first.at(-1) ?? null; ; ) {
          const step = stepAfter(second, at);
          if (step.kind === "wait") break;
          expect(step.kind).toBe(step.kind === "follow" ? "follow" : "splice");
          if (step.kind === "lagged") break;
          heardMs += durationMs(step.segment);
          at = step.segment;
        }
        const before = loop.window(millis(1_000_000 + start), 30_000).edgeAgeMs;
        const after = loop.window(millis(1_000_000 + start + later), 30_000).edgeAgeMs;
        expect(heardMs).toBeCloseTo(later + before - after, 3);
      }),
    );
  });

  it("has a window although a round is shorter, and a whole file although it is one segment", () => {
    const short = new FileLoop(fileSegments({ version: 1, segments: index.segments.slice(2) }));
    const { window } = short.window(millis(100_500), 3_000);
    expect(window.map((segment) => segment.epoch)).toEqual([98, 99, 100]);
    expect(window.every(({ sequence }) => sequence === 0)).toBe(true);
  });
});
