import type { SQLInputValue } from "node:sqlite";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { mountPath } from "../../../shared/mount-path.ts";
import { comparePosition, type SegmentRef } from "../../../shared/segment.ts";
import { stretchOfAll } from "../../../shared/stretch.ts";
import { epoch, sequence } from "../../../shared/units.ts";
import { ArchiveIndex } from "../../../worker/archive/archive-index.ts";
import type { ArchivedSegment } from "../../../worker/archive/archived-segment.ts";
import { fakeStorage } from "../../support/fake-storage.ts";
import { madeSegments } from "../../support/made-segments.ts";

const mount = mountPath("/live.mp3");
const one = epoch(1);
const emptyIndex = (): ArchiveIndex => new ArchiveIndex(fakeStorage().sql);
const refOf = (segment: ArchivedSegment): SegmentRef => {
  const { stored, ...ref } = segment;
  expect(stored.key).not.toBe("");
  return ref;
};
const all = (index: ArchiveIndex): ArchivedSegment[] => index.segments(mount, one, 0, 1e6);
const numbers = (segments: readonly SegmentRef[]): number[] => segments.map((segment) => segment.sequence);

/** What a compaction of some segments tells. */
const chunkOf = (segments: readonly SegmentRef[]) => ({
  segments: segments.map((segment) => ({ ...segment, reservoir: `r${segment.sequence}` })),
});

describe("the index of a mount's archive", () => {
  const recorded = madeSegments({ count: 400 });

  it("has what was told once, in order of play, in whatever order and however often it was told", () => {
    const batches = fc.array(fc.array(fc.nat(399), { maxLength: 60 }), { maxLength: 12 });
    fc.assert(
      fc.property(batches, (told) => {
        const index = emptyIndex();
        for (const batch of told) index.add(batch.flatMap((number) => recorded[number] ?? []));
        const expected = [...new Set(told.flat())].toSorted((a, b) => a - b);
        expect(all(index).map(refOf)).toEqual(expected.flatMap((number) => recorded[number] ?? []));
        expect(index.stretch(one)?.segments ?? 0).toBe(expected.length);
      }),
      { numRuns: 60 },
    );
  });

  it("has every segment once and finds it, through chunks, late segments and removals", () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant("add" as const),
        from: fc.nat(99),
        count: fc.integer({ min: 1, max: 40 }),
      }),
      fc.record({
        kind: fc.constant("chunk" as const),
        from: fc.nat(99),
        count: fc.integer({ min: 1, max: 40 }),
      }),
      fc.record({
        kind: fc.constant("remove" as const),
        from: fc.nat(99),
        count: fc.integer({ min: 1, max: 5 }),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 14 }), (steps) => {
        const index = emptyIndex();
        /** Where each segment is: a chunk's key, or "loose". */
        const model = new Map<number, string>();
        for (const [at, { kind, from, count }] of steps.entries()) {
          const range = recorded.slice(from, from + count);
          if (kind === "add") {
            index.add(range);
            for (const { sequence: number } of range) model.set(number, model.get(number) ?? "loose");
          } else if (kind === "chunk") {
            const loose = range.filter((segment) => model.get(segment.sequence) === "loose");
            // Some stay: a chunk may lie around what came late.
            const merged = loose.filter((segment, nth) => nth % 2 === 0 || segment.sequence % 3 > 0);
            if (merged.length === 0) continue;
            index.putChunk(`chunk ${at}`, one, chunkOf(merged));
            for (const { sequence: number } of merged) model.set(number, `chunk ${at}`);
          } else {
            index.removeLoose(one, numbers(range).map(sequence));
            for (const number of numbers(range)) if (model.get(number) === "loose") model.delete(number);
          }
        }
        const expected = [...model].toSorted(([a], [b]) => a - b);
        const found = all(index);
        expect(numbers(found)).toEqual(expected.map(([number]) => number));
        for (const segment of found) {
          const where = model.get(segment.sequence);
          expect(segment.stored.isChunk ? segment.stored.key : "loose").toBe(where);
        }
        // Byte by byte as the segments lie one after another.
        let bytesBefore = 0;
        for (const segment of found) {
          expect(index.atByte(mount, [one], bytesBefore)?.segment).toEqual(segment);
          bytesBefore += segment.bytes;
        }
        expect(index.atByte(mount, [one], bytesBefore)).toBeNull();
        expect(index.stretch(one)).toEqual(stretchOfAll(found.map(refOf)));
      }),
      { numRuns: 150 },
    );
  });

  it("knows where in a chunk a segment is, and where what it reaches back to is", () => {
    const index = emptyIndex();
    const segments = [...recorded.slice(0, 200), ...recorded.slice(210, 220)];
    index.putChunk("chunk", one, chunkOf(segments));
    let offset = 0;
    for (const [at, segment] of all(index).entries()) {
      const first = at === 0 || segment.sequence === 210;
      const lead = first ? 0 : (segments[at - 1]?.bytes ?? 0);
      const reservoir = first ? { reservoir: `r${segment.sequence}` } : {};
      expect(segment.stored).toEqual({ key: "chunk", offset, isChunk: true, lead, ...reservoir });
      offset += segment.bytes;
    }
    // The same after one that was late has split a run of it.
    index.add(recorded.slice(205, 206));
    const split = all(index).filter(({ stored }) => stored.isChunk);
    expect(split.map(({ stored }) => stored.offset).at(-1)).toBe(offset - (segments.at(-1)?.bytes ?? 0));
  });

  it("forgets the segments of a chunk that is gone", () => {
    const index = emptyIndex();
    index.add(recorded.slice(0, 10));
    index.putChunk("chunk", one, chunkOf(recorded.slice(2, 8)));
    expect(index.chunks(one)).toEqual(["chunk"]);
    index.removeChunk("chunk");
    expect(numbers(all(index))).toEqual([0, 1, 8, 9]);
  });

  it("finds what was on air between two moments, and what began next", () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ gapMs: fc.integer({ min: 0, max: 900_000 }), count: fc.integer({ min: 1, max: 200 }) }),
          {
            minLength: 1,
            maxLength: 4,
          },
        ),
        fc.integer({ min: 0, max: 2_000_000 }),
        fc.integer({ min: 0, max: 600_000 }),
        (epochs, fromMs, lengthMs) => {
          const index = emptyIndex();
          let startMs = 0;
          const segments = epochs.flatMap(({ gapMs, count }, at) => {
            const made = madeSegments({ epoch: at + 1, count, startMs: startMs + gapMs });
            startMs += gapMs + count * 2_000;
            return made;
          });
          index.add(segments);
          const toMs = fromMs + lengthMs;
          const on = segments.filter((segment) => segment.startMs < toMs && segment.startMs + 2_000 > fromMs);
          expect(index.onAir(mount, fromMs, toMs).map(refOf)).toEqual(on);
          const next = segments.find((segment) => segment.startMs >= fromMs);
          expect(index.nextFrom(mount, fromMs)?.startMs).toBe(next?.startMs);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("goes through the epochs in order of play", () => {
    const index = emptyIndex();
    const segments = [1, 2, 5].flatMap((number) => madeSegments({ epoch: number, count: 3, from: number }));
    index.add(segments.toReversed());
    const [first] = segments;
    const played: SegmentRef[] = first ? [first] : [];
    for (let at = played[0]; at; ) {
      const next = index.after(mount, at);
      if (!next) break;
      played.push(refOf(next));
      at = next;
    }
    expect(played).toEqual(segments.toSorted(comparePosition));
  });

  it("writes one row when a mount tells of its last seconds", () => {
    const storage = fakeStorage();
    const index = new ArchiveIndex(storage.sql);
    index.add(recorded.slice(0, 100));
    const writes: string[] = [];
    const watched = {
      exec(query: string, ...values: SQLInputValue[]) {
        if (/^(INSERT|UPDATE|DELETE)/.test(query)) writes.push(query);
        return storage.sql.exec(query, ...values);
      },
    };
    new ArchiveIndex(watched).add(recorded.slice(100, 105));
    expect(writes).toHaveLength(1);
  });
});
