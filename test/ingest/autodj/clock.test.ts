import fc from "fast-check";
import { expect, it } from "vitest";
import { PieceSizes, SampleClock } from "../../../ingest/autodj/clock.ts";

const weekMs = 7 * 24 * 3_600_000;

it("is where the count of samples says after a week of frames, to the sample", () => {
  const clock = new SampleClock(0);
  let samples = 0;
  while (clock.dueMs < weekMs) {
    clock.add(1152, 44_100);
    samples += 1152;
  }
  expect(Math.round((clock.dueMs * 44_100) / 1000)).toBe(samples);
});

it("goes on from where it was when the rate changes, and anew when it is set anew", () => {
  const clock = new SampleClock(500);
  clock.add(44_100, 44_100);
  clock.add(48_000, 48_000);
  expect(clock.dueMs).toBe(2_500);
  clock.restart(10_000);
  expect(clock.dueMs).toBe(10_000);
  clock.add(24_000, 48_000);
  expect(clock.dueMs).toBe(10_500);
});

it("shares a segment's frames out over its pieces, each as long as the others but for a frame", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 500, max: 10_000 }),
      fc.constantFrom([44_100, 1152], [48_000, 1152], [32_000, 1152], [22_050, 576], [8_000, 576]),
      (segmentMs, [sampleRate = 0, samplesPerFrame = 0]) => {
        const sizes = new PieceSizes({ segmentMs, pieceMs: 450, sampleRate, samplesPerFrame });
        const frameMs = (1000 * samplesPerFrame) / sampleRate;
        const perSegment = Math.ceil(segmentMs / frameMs);
        const pieces: number[] = [];
        for (let sum = 0; sum < 3 * perSegment; sum += pieces.at(-1) ?? 0) pieces.push(sizes.next());
        expect(Math.max(...pieces) - Math.min(...pieces)).toBeLessThanOrEqual(1);
        expect(Math.max(...pieces) * frameMs).toBeLessThan(Math.min(450, segmentMs / 4) + 2 * frameMs);
        let sum = 0;
        const ends = pieces.map((count) => (sum += count));
        expect(ends).toContain(perSegment);
        expect(sum).toBe(3 * perSegment);
      },
    ),
  );
});
