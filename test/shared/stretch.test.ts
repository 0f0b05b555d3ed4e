import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import { joinAll, samplesMs, type Stretch, stretchOfAll } from "../../shared/stretch.ts";
import { epoch, millis, sampleCount, sequence } from "../../shared/units.ts";
import { madeSegments } from "../support/made-segments.ts";

/** Segments of one epoch as sources make them: with holes, changes of format, titles. */
const segmentsOfEpoch = fc
  .array(
    fc.record({
      skip: fc.constantFrom(0, 0, 0, 1, 5),
      sampleRate: fc.constantFrom(44_100, 44_100, 48_000, 22_050),
      frames: fc.integer({ min: 1, max: 400 }),
      waitMs: fc.integer({ min: -50, max: 5_000 }),
      title: fc.constantFrom(null, null, "A", "B", ""),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((steps) => {
    let number = -1;
    let firstMs = 0;
    let startMs = 1_000_000;
    return steps.map(({ skip, sampleRate, frames, waitMs, title }): SegmentRef => {
      number += 1 + skip;
      firstMs += skip * 2_000;
      startMs += Math.max(0, waitMs);
      const segment = {
        epoch: epoch(3),
        sequence: sequence(number),
        startMs: millis(startMs),
        firstSample: sampleCount(Math.round((firstMs * sampleRate) / 1000)),
        samples: sampleCount(frames * 1_152),
        sampleRate,
        bytes: frames * 417,
        titles: title === null ? [] : [{ atSample: sampleCount(0), text: title }],
      };
      firstMs += durationMs(segment);
      return segment;
    });
  });

/** Media times may differ in what floating point rounds. */
const rounded = (stretch: Stretch | null): unknown =>
  JSON.parse(JSON.stringify(stretch), (_, value: unknown) =>
    typeof value === "number" ? Math.round(value * 1e6) / 1e6 : value,
  );

describe("a stretch of segments", () => {
  it("is the same, however it is put together", () => {
    fc.assert(
      fc.property(segmentsOfEpoch, fc.array(fc.nat(30)), (segments, cuts) => {
        const edges = [
          ...new Set([0, ...cuts.map((cut) => cut % segments.length), segments.length]),
        ].toSorted((a, b) => a - b);
        const parts = edges.slice(1).map((to, index) => stretchOfAll(segments.slice(edges[index], to)));
        const joined = joinAll(parts.flatMap((part) => part ?? []));
        expect(rounded(joined)).toEqual(rounded(stretchOfAll(segments)));
      }),
    );
  });

  it("has every sample and byte once, and a hole wherever numbers are missing", () => {
    fc.assert(
      fc.property(segmentsOfEpoch, (segments) => {
        const stretch = stretchOfAll(segments);
        const total = segments.reduce((ms, segment) => ms + durationMs(segment), 0);
        expect(samplesMs(stretch?.samples ?? [])).toBeCloseTo(total, 6);
        expect(stretch?.bytes).toBe(segments.reduce((bytes, segment) => bytes + segment.bytes, 0));
        const expected = segments
          .slice(1)
          .filter((next, at) => next.sequence !== (segments[at]?.sequence ?? 0) + 1);
        expect(stretch?.holes.map(({ before }) => before)).toEqual(expected.map((next) => next.sequence));
      }),
    );
  });

  it("says how much is missing by the count of samples", () => {
    const stretch = stretchOfAll([
      ...madeSegments({ count: 3 }),
      ...madeSegments({ count: 2, from: 5, startMs: 99_000 }),
    ]);
    expect(stretch?.holes).toEqual([{ after: 2, before: 5, atMs: 6_000, missingMs: 4_000 }]);
  });

  it("has titles at their places, and none twice while it holds", () => {
    const at = (atSample: number, text: string) => ({ atSample: sampleCount(atSample), text });
    const segments = madeSegments({
      count: 4,
      startMs: 50_000,
      titles: { 0: [at(0, "A")], 1: [at(44_100, "A")], 2: [at(22_050, "B")], 3: [at(0, "A")] },
    });
    expect(stretchOfAll(segments)?.titles).toEqual([
      { atMs: 0, wallMs: 50_000, text: "A" },
      { atMs: 4_500, wallMs: 54_500, text: "B" },
      { atMs: 6_000, wallMs: 56_000, text: "A" },
    ]);
  });
});
