import * as fc from "fast-check";
import { expect, test } from "vitest";
import { Pacer } from "../../../shared/source/pacer.ts";

test("a source may be ahead by the limit and waits for what is over it", () => {
  const pacer = new Pacer(10_000);
  pacer.add(10_000, 0);
  expect(pacer.delayMs(0)).toBe(0);
  pacer.add(2500, 0);
  expect(pacer.delayMs(0)).toBe(2500);
  expect(pacer.delayMs(1000)).toBe(1500);
  expect(pacer.delayMs(2500)).toBe(0);
});

test("a source in real time never waits", () => {
  const pacer = new Pacer(10_000);
  const delays = Array.from({ length: 14_400 }, (_, quarter) => {
    pacer.add(250, quarter * 250);
    return pacer.delayMs(quarter * 250);
  });
  expect(delays.every((delay) => delay === 0)).toBe(true);
});

test("a stall earns nothing: after an hour of silence the limit is the same", () => {
  const pacer = new Pacer(10_000);
  pacer.add(1000, 0);
  pacer.add(15_000, 3_600_000);
  expect(pacer.delayMs(3_600_000)).toBe(5000);
});

test("a clock that is set back drains nothing and starves nobody", () => {
  const pacer = new Pacer(10_000);
  pacer.add(12_000, 100_000);
  expect(pacer.delayMs(40_000)).toBe(2000);
  expect(pacer.delayMs(41_000)).toBe(1000);
});

test("whoever obeys it sends at most real time plus the limit, over any stretch of time", () => {
  const step = fc.record({
    frameMs: fc.integer({ min: 1, max: 4000 }),
    idleMs: fc.integer({ min: 0, max: 4000 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
      const pacer = new Pacer(10_000);
      const sent: { atMs: number; ms: number }[] = [];
      let now = 0;
      for (const { frameMs, idleMs } of steps) {
        now += idleMs + pacer.delayMs(now + idleMs);
        pacer.add(frameMs, now);
        sent.push({ atMs: now, ms: frameMs });
      }
      for (let from = 0; from < sent.length; from++) {
        let total = 0;
        for (const { atMs, ms } of sent.slice(from)) {
          // The frame that goes over the limit has been read already when it is noticed.
          expect(total).toBeLessThanOrEqual(10_000 + atMs - (sent[from]?.atMs ?? 0));
          total += ms;
        }
      }
    }),
  );
});
