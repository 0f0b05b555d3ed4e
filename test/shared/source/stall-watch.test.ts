import fc from "fast-check";
import { expect, test } from "vitest";
import { StallWatch } from "../../../shared/source/stall-watch.ts";

/** A watch that has seen something every `everyMs`, the last time at the time returned. */
function habit(everyMs: number, times = 20): { watch: StallWatch; lastMs: number } {
  const watch = new StallWatch(0);
  for (let index = 1; index <= times; index++) watch.arrived(index * everyMs, 0);
  return { watch, lastMs: times * everyMs };
}

test("a source that sends all the time has stalled after half a second", () => {
  const { watch, lastMs } = habit(50);
  expect(watch.stalledAtMs - lastMs).toBe(500);
});

test("a source that sends every four seconds has stalled after six", () => {
  const { watch, lastMs } = habit(4_000);
  expect(watch.stalledAtMs - lastMs).toBe(6_000);
});

test("a single long gap is forgotten: it counts half after half a minute", () => {
  const watch = new StallWatch(0);
  watch.arrived(4_000, 0);
  for (let now = 4_100; now <= 34_000; now += 100) watch.arrived(now, 0);
  expect(watch.stalledAtMs - 34_000).toBeCloseTo(3_000, 0);
  for (let now = 34_100; now <= 154_000; now += 100) watch.arrived(now, 0);
  expect(watch.stalledAtMs - 154_000).toBe(500);
});

test("while it is left unread a source is not silent", () => {
  const watch = new StallWatch(0);
  watch.arrived(100, 5_000);
  expect(watch.silentMs(5_000)).toBe(0);
  expect(watch.stalledAtMs).toBe(5_600);
  expect(watch.silentMs(5_300)).toBe(200);
  watch.arrived(5_300, 0);
  expect(watch.stalledAtMs).toBe(5_800);
});

test("no source that keeps its rhythm ever stalls, but for the first time", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9_000 }),
      fc.array(fc.double({ min: 0.75, max: 1, noNaN: true }), { minLength: 2, maxLength: 50 }),
      (periodMs, gaps) => {
        const watch = new StallWatch(0);
        let now = periodMs;
        watch.arrived(now, 0);
        for (const part of gaps) {
          now += periodMs * part;
          expect(watch.stalledAtMs).toBeGreaterThanOrEqual(now);
          watch.arrived(now, 0);
        }
      },
    ),
  );
});
