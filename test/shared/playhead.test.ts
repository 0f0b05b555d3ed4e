import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { frameAt, joinPoint, stepAfter } from "../../shared/playhead.ts";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";

const segment = (at: number, number: number): SegmentRef => ({
  epoch: epoch(at),
  sequence: sequence(number),
  startMs: millis(0),
  firstSample: sampleCount(0),
  samples: sampleCount(88_200),
  sampleRate: 44_100,
  bytes: 32_000,
  titles: [],
});
const window = Array.from({ length: 10 }, (_, number) => segment(1, number));

describe("joining", () => {
  it.each([
    // Live is as far past the edge as the edge is old, up to one segment.
    [0, 4_000, 0, 8, 0],
    [500, 4_000, 0, 8, 500],
    [2_000, 4_000, 0, 9, 0],
    [9_000, 4_000, 0, 9, 0],
    [0, 1_000, 0, 9, 1_000],
    [0, 60_000, 0, 0, 0],
    // Bytes win when they ask for more: 131,072 of them are 8.192 s.
    [0, 4_000, 131_072, 5, 1_808],
  ])(
    "with an edge %i ms old, %i ms behind, %i bytes: segment %i, %i ms in",
    (edgeAgeMs, behindMs, leastBytes, number, offset) => {
      const point = joinPoint(window, { edgeAgeMs, behindMs, leastBytes });
      expect(point?.segment.sequence).toBe(number);
      expect(point?.offsetMs).toBeCloseTo(offset, 6);
    },
  );

  it("waits for the next segment when live is all that is wanted, or nothing is there", () => {
    expect(joinPoint(window, { edgeAgeMs: 500, behindMs: 0, leastBytes: 0 })).toBeNull();
    expect(joinPoint([], { edgeAgeMs: 0, behindMs: 4_000, leastBytes: 0 })).toBeNull();
  });

  it("is never more than the wish behind live, and always a segment less at the edge", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000 }),
        fc.integer({ min: 2_100, max: 15_000 }),
        (edgeAgeMs, behindMs) => {
          const point = joinPoint(window, { edgeAgeMs, behindMs, leastBytes: 0 });
          if (!point) throw new Error("expected a join point");
          const rest = window.filter(({ sequence: number }) => number >= point.segment.sequence);
          const inHandMs = rest.reduce((sum, run) => sum + durationMs(run), 0) - point.offsetMs;
          expect(inHandMs + edgeAgeMs).toBeCloseTo(behindMs, 6);
        },
      ),
    );
  });

  it("finds the frame that plays at an offset", () => {
    const frames = Array.from({ length: 77 }, (_, index) => ({
      offset: index * 418,
      size: 418,
      samples: 1_152,
    }));
    expect(frameAt(frames, 0, 44_100)).toBe(0);
    expect(frameAt(frames, 26.12, 44_100)).toBe(0);
    expect(frameAt(frames, 26.13, 44_100)).toBe(1);
    expect(frameAt(frames, 99_999, 44_100)).toBe(76);
    expect(frameAt([], 5, 44_100)).toBe(0);
  });
});

describe("stepping", () => {
  it("follows within an epoch and splices between epochs", () => {
    const both = [segment(1, 0), segment(1, 1), segment(2, 0)];
    expect(stepAfter(both, segment(1, 0))).toEqual({ kind: "follow", segment: both[1] });
    expect(stepAfter(both, segment(1, 1))).toEqual({ kind: "splice", segment: both[2] });
    expect(stepAfter(both, segment(2, 0))).toEqual({ kind: "wait" });
    expect(stepAfter(both, null)).toEqual({ kind: "splice", segment: both[0] });
    expect(stepAfter([], null)).toEqual({ kind: "wait" });
  });

  it("tells a hole in the broadcast from a listener that fell behind", () => {
    const holed = [segment(1, 3), segment(1, 5)];
    expect(stepAfter(holed, segment(1, 3))).toEqual({ kind: "gap", segment: holed[1] });
    expect(stepAfter(holed, segment(1, 1))).toEqual({ kind: "lagged" });
    expect(stepAfter([segment(2, 4)], segment(1, 9))).toEqual({ kind: "lagged" });
    // The new epoch is all there is, from its beginning: nothing was missed.
    expect(stepAfter([segment(2, 0)], segment(1, 9))).toMatchObject({ kind: "splice" });
  });
});
