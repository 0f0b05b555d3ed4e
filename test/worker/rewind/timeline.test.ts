import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pauseMs, ShiftedTimeline } from "../../../shared/rewind-timeline.ts";
import { comparePosition, durationMs, type SegmentRef } from "../../../shared/segment.ts";
import { epoch, millis, sampleCount, sequence } from "../../../shared/units.ts";

const leadMs = 4_000;
const delayMs = 3_600_000;

interface Piece {
  /** Since the end of the one before, ms; a new epoch where it is long. */
  readonly afterMs: number;
  readonly ms: number;
}

function broadcast(pieces: readonly Piece[]): SegmentRef[] {
  let endMs = 1_000_000;
  let at = { epoch: 1, sequence: -1 };
  return pieces.map(({ afterMs, ms }) => {
    at =
      afterMs > 1_000 ? { epoch: at.epoch + 1, sequence: 0 } : { epoch: at.epoch, sequence: at.sequence + 1 };
    const startMs = endMs + afterMs;
    endMs = startMs + ms;
    return {
      epoch: epoch(at.epoch),
      sequence: sequence(at.sequence),
      startMs: millis(startMs),
      firstSample: sampleCount(0),
      samples: sampleCount(ms * 8),
      sampleRate: 8_000,
      bytes: ms * 16,
      titles: [],
    };
  });
}

const pieces = fc.array(
  fc.record({
    afterMs: fc.oneof(
      { weight: 5, arbitrary: fc.integer({ min: -300, max: 300 }) },
      fc.integer({ min: 1_001, max: 60_000 }),
    ),
    ms: fc.integer({ min: 100, max: 5_000 }),
  }),
  { minLength: 1, maxLength: 40 },
);

describe("what is rewound", () => {
  it("goes on at the pace of real time, with what is to be in hand and no pauses", () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 50, max: 2_000 }), (some, stepMs) => {
        const segments = broadcast(some);
        const timeline = new ShiftedTimeline({ kind: "rewind" }, leadMs);
        for (const segment of segments) timeline.push(segment, 0);
        const totalMs = segments.reduce((ms, segment) => ms + durationMs(segment), 0);
        const heard: SegmentRef[] = [];
        for (let now = 0; now <= totalMs; now += stepMs) {
          for (const segment of timeline.window(now)) {
            const last = heard.at(-1);
            if (!last || comparePosition(segment, last) > 0) heard.push(segment);
          }
          const sentMs = heard.reduce((ms, segment) => ms + durationMs(segment), 0);
          expect(sentMs).toBeGreaterThanOrEqual(Math.min(totalMs, now + leadMs));
          // One segment is more than that.
          expect(sentMs).toBeLessThanOrEqual(now + leadMs + 5_000);
        }
        expect(heard.map(({ startMs }) => startMs)).toEqual(segments.map(({ startMs }) => startMs));
      }),
    );
  });

  it("loses nothing when what follows comes late", () => {
    const [first, second] = broadcast([
      { afterMs: 0, ms: 2_000 },
      { afterMs: 0, ms: 2_000 },
    ]);
    const timeline = new ShiftedTimeline<SegmentRef>({ kind: "rewind" }, leadMs);
    if (first) timeline.push(first, 0, 500);
    expect(timeline.knownUntilMs).toBe(1_500);
    if (second) timeline.push(second, 30_000);
    expect(timeline.window(30_000)).toEqual([first, second]);
    expect(timeline.knownUntilMs).toBe(32_000);
  });

  it("begins a broadcast without the title of the one before", () => {
    const segments = broadcast([
      { afterMs: 0, ms: 2_000 },
      { afterMs: pauseMs + 1, ms: 2_000 },
    ]);
    const timeline = new ShiftedTimeline({ kind: "rewind" }, leadMs);
    for (const segment of segments) timeline.push(segment, 0);
    expect(timeline.window(0).map(({ titles }) => titles)).toEqual([[], [{ atSample: 0, text: "" }]]);
    const [, shown] = timeline.window(0);
    expect(shown && timeline.original(shown)).toBe(segments[1]);
  });
});

describe("what is delayed", () => {
  it("is due when the clock says so, and begins there for whoever comes", () => {
    fc.assert(
      fc.property(pieces, fc.integer({ min: 0, max: 100_000 }), (some, afterMs) => {
        const segments = broadcast(some);
        const timeline = new ShiftedTimeline({ kind: "delay", delayMs }, leadMs);
        for (const segment of segments) timeline.push(segment, 0);
        const atMs = 1_000_000 + afterMs;
        const place = timeline.placeAt(atMs + delayMs);
        const current = segments.findLast(
          (segment) => segment.startMs <= atMs && atMs < segment.startMs + durationMs(segment),
        );
        const next = current ?? segments.find(({ startMs }) => startMs > atMs);
        expect(place?.segment.startMs).toBe(next?.startMs);
        expect(place?.offsetMs).toBe(current ? atMs - current.startMs : next ? 0 : undefined);
      }),
    );
  });

  it("is off the air in a long pause, waits in a short one, and what comes next is offered before it is due", () => {
    const [before, short, long] = broadcast([
      { afterMs: 0, ms: 2_000 },
      { afterMs: 10_000, ms: 2_000 },
      { afterMs: 30_000, ms: 2_000 },
    ]);
    const timeline = new ShiftedTimeline<SegmentRef>({ kind: "delay", delayMs }, leadMs);
    const at = (ms: number): number => 1_000_000 + delayMs + ms;
    expect(timeline.phase(at(0))).toBe("off");
    for (const segment of [before, short, long]) if (segment) timeline.push(segment, at(-60_000));
    expect(
      [-20_000, -10_000, 0, 1_999, 2_000, 7_999, 8_000, 14_000, 20_000, 40_000, 43_999].map((ms) =>
        timeline.phase(at(ms)),
      ),
    ).toEqual(["off", "waiting", "live", "live", "waiting", "waiting", "live", "off", "off", "live", "live"]);
    expect(long && timeline.dueInMs(long, at(40_000))).toBe(4_000);
  });

  it("plays an hour that a clock gave twice at its own pace", () => {
    const [first, ...rest] = broadcast(Array.from({ length: 30 }, () => ({ afterMs: 0, ms: 2_000 })));
    const again = rest.map((segment) => ({
      ...segment,
      epoch: epoch(2),
      startMs: millis(segment.startMs - 3_600_000),
    }));
    const timeline = new ShiftedTimeline<SegmentRef>({ kind: "delay", delayMs }, leadMs);
    for (const segment of first ? [first, ...again] : []) timeline.push(segment, 0);
    expect(timeline.window(1_000_000 + delayMs).length).toBeLessThan(10);
  });

  it("keeps a minute of what was heard and the title before that", () => {
    const segments = broadcast(Array.from({ length: 100 }, () => ({ afterMs: 0, ms: 2_000 })));
    const timeline = new ShiftedTimeline({ kind: "delay", delayMs }, leadMs);
    for (const [index, segment] of segments.entries()) {
      const titles = index === 3 ? [{ atSample: sampleCount(5), text: "third" }] : [];
      timeline.push({ ...segment, titles }, 0);
    }
    expect(timeline.window(1_000_000 + delayMs + 150_000)).toHaveLength(33);
    expect(timeline.titleBefore?.text).toBe("third");
  });
});
