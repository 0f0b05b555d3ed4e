import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { onAirAt } from "../../shared/on-air.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import { millis } from "../../shared/units.ts";
import { madeSegments } from "../support/made-segments.ts";

const place = (segments: readonly SegmentRef[], atMs: number) => {
  const found = onAirAt(segments, atMs);
  return found && [found.segment.epoch, found.segment.sequence, found.offsetMs];
};

describe("what was on air", () => {
  const segments = [
    ...madeSegments({ count: 3, startMs: 10_000 }),
    ...madeSegments({ epoch: 2, count: 2, startMs: 30_000 }),
  ];

  it("is the segment whose time it was, and how far into it", () => {
    expect(place(segments, 10_000)).toEqual([1, 0, 0]);
    expect(place(segments, 13_999)).toEqual([1, 1, 1_999]);
    expect(place(segments, 14_000)).toEqual([1, 2, 0]);
  });

  it("is what began next where there was nothing", () => {
    expect(place(segments, 0)).toEqual([1, 0, 0]);
    expect(place(segments, 16_000)).toEqual([2, 0, 0]);
    expect(place(segments, 34_000)).toBeNull();
  });

  it("is the newest of a source that ran ahead", () => {
    const ahead = madeSegments({ count: 4, startMs: 10_000 }).map((segment, index) => ({
      ...segment,
      startMs: millis(10_000 + index * 100),
    }));
    expect(place(ahead, 10_250)).toEqual([1, 2, 50]);
  });

  it("is the later of two after the clock was put back", () => {
    const twice = [
      ...madeSegments({ count: 3, startMs: 10_000 }),
      ...madeSegments({ epoch: 2, count: 3, startMs: 11_000 }),
    ];
    expect(place(twice, 12_500)).toEqual([2, 0, 1_500]);
  });

  it("has not begun later than asked for unless nothing was on air", () => {
    const spread = fc
      .array(fc.integer({ min: 0, max: 60_000 }), { minLength: 1, maxLength: 20 })
      .map((starts) =>
        madeSegments({ count: starts.length }).map((segment, at) => ({
          ...segment,
          startMs: millis(starts[at] ?? 0),
        })),
      );
    fc.assert(
      fc.property(spread, fc.integer({ min: 0, max: 70_000 }), (some, atMs) => {
        const found = onAirAt(some, atMs);
        const isOn = some.some(({ startMs }) => startMs <= atMs && atMs < startMs + 2_000);
        if (isOn) expect(found?.segment.startMs).toBe(atMs - (found?.offsetMs ?? 0));
        else {
          const later = some.map(({ startMs }) => startMs).filter((startMs) => startMs > atMs);
          expect(found?.segment.startMs ?? Number.POSITIVE_INFINITY).toBe(Math.min(...later));
        }
      }),
    );
  });
});
