import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { longestTargetMs, SegmentTarget, segmentTargetMs } from "../../shared/segment-target.ts";

test.each([
  // With a whole segment and two seconds in hand there is no hurry.
  [4_000, 2_000, 2_000],
  [12_000, 10_000, 10_000],
  [3_999, 2_000, 1_699.5],
  [3_000, 2_000, 1_200],
  [1_600, 2_000, 500],
  [0, 2_000, 500],
  [-9_000, 2_000, 500],
  // Never longer than the segment that is wanted.
  [2_400, 500, 500],
])("with %d ms in hand a segment of %d ms has a target of %d ms", (cushionMs, segmentMs, expected) => {
  expect(segmentTargetMs(cushionMs, segmentMs)).toBe(expected);
});

test.each([
  [4_000, 2_000, 2_000],
  [2_850, 2_000, 2_000],
  [2_500, 2_000, 1_650],
  [1_400, 2_000, 550],
  [1_000, 2_000, 500],
  [0, 2_000, 500],
  [2_400, 500, 500],
])("with %d ms in hand a segment of %d ms is %d ms long at most", (cushionMs, segmentMs, expected) => {
  expect(longestTargetMs(cushionMs, segmentMs)).toBe(expected);
});

const target = () => new SegmentTarget({ segmentMs: 2_000, burstMs: 4_000 });

describe("the target of one source's segments", () => {
  it("is the station's while nothing was missed", () => {
    expect(target().ms(0)).toBe(2_000);
  });

  it("is what listeners have in hand allows when they have waited, the same from the first segment on", () => {
    const after = target();
    after.resume(1_500, 10_000);
    expect(after.ms(10_000)).toBe((4_000 - 1_500 - 600) / 2);
    // Real time goes on: nothing is won back.
    after.add(60_000);
    after.cut(70_000);
    expect(after.ms(70_000)).toBe((4_000 - 1_500 - 600) / 2);
  });

  it("is the station's again once the source has sent what it kept back", () => {
    const after = target();
    after.resume(1_500, 10_000);
    after.add(520);
    after.cut(10_000);
    expect(after.ms(10_000)).toBeCloseTo((4_000 - 1_500 + 520 - 600) / 2);
    after.add(980);
    after.cut(10_000);
    expect(after.ms(10_000)).toBe(2_000);
    expect(after.ms(99_000)).toBe(2_000);
  });

  it("adds up what several hiccups took", () => {
    const after = target();
    after.resume(1_000, 10_000);
    after.add(5_000);
    after.cut(15_000);
    after.resume(1_000, 16_000);
    after.cut(16_000);
    expect(after.ms(16_000)).toBe((4_000 - 2_000 - 600) / 2);
  });

  it("is longer after ten calm minutes, as far as is safe, and the station's after two calm hours", () => {
    const after = target();
    const minuteMs = 60_000;
    after.resume(1_500, 0);
    for (let minute = 1; minute <= 120; minute++) {
      after.add(minuteMs);
      const safe = minute < 10 ? (2_500 - 600) / 2 : 2_500 - 850;
      if (minute < 120) expect(after.ms(minute * minuteMs), `${minute} min`).toBe(safe);
      after.cut(minute * minuteMs);
    }
    expect(after.ms(120 * minuteMs)).toBe(2_000);
    // Those who are there now have a whole burst.
    after.resume(1_000, 121 * minuteMs);
    expect(after.ms(121 * minuteMs)).toBe((4_000 - 1_000 - 600) / 2);
  });

  it("is short again for ten minutes after another hiccup", () => {
    const after = target();
    after.resume(1_000, 0);
    after.add(600_000);
    expect(after.ms(600_000)).toBe(2_000);
    after.cut(600_000);
    after.resume(500, 600_500);
    expect(after.ms(600_500)).toBe((4_000 - 1_500 - 600) / 2);
  });

  it("counts what was sent ahead before the next hiccup", () => {
    const after = target();
    after.resume(1_500, 10_000);
    // 700 ms of the backlog, then nothing for a second.
    after.add(700);
    after.resume(1_000, 11_000);
    after.cut(11_000);
    expect(after.ms(11_000)).toBe((4_000 - 1_800 - 600) / 2);
  });

  it("is the station's when the break was heard anyway, and for a gap as every line has them", () => {
    const after = target();
    after.resume(4_000, 10_000);
    expect(after.ms(10_000)).toBe(2_000);
    after.resume(250, 20_000);
    expect(after.ms(20_000)).toBe(2_000);
  });

  it("never lets a listener run dry who had 900 ms left when the source came back in real time", () => {
    const frameMs = 26.122;
    const deliveryMs = 300;
    const situation = fc
      .record({
        segmentMs: fc.integer({ min: 500, max: 6_000 }),
        roomMs: fc.integer({ min: 1_000, max: 8_000 }),
      })
      .chain(({ segmentMs, roomMs }) => {
        const burstMs = segmentMs + roomMs;
        return fc.record({
          segmentMs: fc.constant(segmentMs),
          burstMs: fc.constant(burstMs),
          gapMs: fc.integer({ min: 0, max: burstMs - 900 }),
        });
      });
    fc.assert(
      fc.property(situation, ({ segmentMs, burstMs, gapMs }) => {
        const after = new SegmentTarget({ segmentMs, burstMs });
        after.resume(gapMs, 0);
        let inHandMs = burstMs - gapMs;
        let openMs = 0;
        let deliveredAtMs = 0;
        // Into the time when segments grow again.
        for (let now = frameMs; now < 630_000; now += frameMs) {
          openMs += frameMs;
          after.add(frameMs);
          if (openMs < after.ms(now)) continue;
          after.cut(now);
          inHandMs -= now + deliveryMs - deliveredAtMs;
          if (inHandMs < 0) throw new Error(`a listener ran dry after ${Math.round(now)} ms`);
          deliveredAtMs = now + deliveryMs;
          inHandMs += openMs;
          openMs = 0;
        }
      }),
    );
  });
});
