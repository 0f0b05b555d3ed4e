import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { broadcastsOf, type EpochFacts, type EpochRecord, unknownEpoch } from "../../shared/broadcast.ts";
import { mountPath } from "../../shared/mount-path.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import { stretchOfAll } from "../../shared/stretch.ts";
import { sampleCount } from "../../shared/units.ts";
import { madeSegments } from "../support/made-segments.ts";

const mount = mountPath("/live.mp3");

function record(segments: readonly SegmentRef[], facts: Partial<EpochFacts> = {}): EpochRecord {
  const stretch = stretchOfAll(segments);
  if (!stretch) throw new Error("an epoch has audio");
  const known = { ingest: "a", process: "p", end: "released" as const };
  return { facts: { ...unknownEpoch(stretch.epoch), ...known, ...facts }, stretch };
}
const made = (number: number, startMs: number, count: number, facts: Partial<EpochFacts> = {}): EpochRecord =>
  record(madeSegments({ epoch: number, startMs, count }), facts);

describe("broadcasts of a mount", () => {
  it("go on over an interruption that is shorter than the grace, and say what it cost", () => {
    const [broadcast, ...others] = broadcastsOf(mount, [made(1, 1_000, 5), made(2, 20_000, 3)]);
    expect(others).toEqual([]);
    expect(broadcast).toMatchObject({
      id: 1,
      epochs: [1, 2],
      startMs: 1_000,
      endMs: 26_000,
      durationMs: 16_000,
      joins: [{ kind: "reconnect", atMs: 10_000, missingMs: 9_000, epoch: 2, sequence: 0 }],
    });
  });

  it("end with an interruption as long as the grace", () => {
    const found = broadcastsOf(mount, [made(1, 0, 5), made(2, 25_000, 5), made(4, 49_999, 1)]);
    expect(found.map(({ epochs }) => epochs)).toEqual([[1], [2, 4]]);
    expect(found.map(({ joins }) => joins.length)).toEqual([0, 1]);
  });

  it("go on while listeners waited, whatever clocks say", () => {
    const found = broadcastsOf(mount, [made(1, 0, 5), made(2, 900_000, 5, { continues: true })]);
    expect(found.map(({ epochs }) => epochs)).toEqual([[1, 2]]);
  });

  it("lose nothing by a clock that is behind", () => {
    const [broadcast] = broadcastsOf(mount, [made(1, 50_000, 5), made(2, 0, 5)]);
    expect(broadcast?.joins).toMatchObject([{ atMs: 10_000, missingMs: 0 }]);
  });

  it("tell an ingest host that began anew from a source that came back", () => {
    const lost = { end: "lost" as const };
    const kinds = (next: Partial<EpochFacts>) =>
      broadcastsOf(mount, [made(1, 0, 5, lost), made(2, 11_000, 5, next)])[0]?.joins.map(({ kind }) => kind);
    expect(kinds({ process: "q" })).toEqual(["ingest-restart"]);
    expect(kinds({ process: "p" })).toEqual(["reconnect"]);
    expect(kinds({ ingest: "b", process: "q" })).toEqual(["reconnect"]);
  });

  it("name what storage does not have, at the beginning and between", () => {
    const segments = [
      ...madeSegments({ count: 2, from: 2 }),
      ...madeSegments({ count: 2, from: 7, startMs: 9_000 }),
    ];
    const [broadcast] = broadcastsOf(mount, [record(segments)]);
    expect(broadcast?.joins).toEqual([
      { kind: "gap", atMs: 0, missingMs: 4_000, epoch: 1, sequence: 2 },
      { kind: "gap", atMs: 4_000, missingMs: 6_000, epoch: 1, sequence: 7 },
    ]);
  });

  it("are on air until their source has gone or another one has come", () => {
    const open = { end: null };
    const found = broadcastsOf(mount, [made(1, 0, 5, open), made(2, 100_000, 5, open)]);
    expect(found.map(({ endMs }) => endMs)).toEqual([10_000, null]);
  });

  it("go on with the title that was there, and keep the most listeners there were", () => {
    const at = (text: string) => ({ 0: [{ atSample: sampleCount(0), text }] });
    const first = record(madeSegments({ count: 5, titles: at("A") }), { listenerPeak: 7 });
    const second = record(madeSegments({ epoch: 2, count: 5, startMs: 12_000, titles: at("A") }), {
      listenerPeak: 3,
    });
    const third = record(madeSegments({ epoch: 3, count: 5, startMs: 30_000, titles: at("B") }));
    const [broadcast] = broadcastsOf(mount, [first, second, third]);
    expect(broadcast?.titles).toEqual([
      { atMs: 0, wallMs: 0, text: "A" },
      { atMs: 20_000, wallMs: 30_000, text: "B" },
    ]);
    expect(broadcast?.listenerPeak).toBe(7);
  });

  it("have every epoch once, in order, with all of its bytes", () => {
    const epochs = fc
      .array(
        fc.record({ gapMs: fc.integer({ min: 0, max: 40_000 }), count: fc.integer({ min: 1, max: 5 }) }),
        {
          minLength: 1,
          maxLength: 12,
        },
      )
      .map((steps) => {
        let startMs = 0;
        return steps.map(({ gapMs, count }, index) => {
          const next = made(index + 1, startMs + gapMs, count);
          startMs = next.stretch.endMs;
          return { gapMs, next };
        });
      });
    fc.assert(
      fc.property(epochs, (steps) => {
        const found = broadcastsOf(
          mount,
          steps.map(({ next }) => next),
        );
        expect(found.flatMap(({ epochs: own }) => own)).toEqual(steps.map(({ next }) => next.stretch.epoch));
        const begins = steps.filter(({ gapMs }, index) => index === 0 || gapMs >= 15_000).length;
        expect(found).toHaveLength(begins);
        const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
        expect(sum(found.map(({ bytes }) => bytes))).toBe(sum(steps.map(({ next }) => next.stretch.bytes)));
        const joined = sum(found.map(({ joins }) => joins.length));
        expect(joined).toBe(steps.length - begins);
      }),
    );
  });
});
