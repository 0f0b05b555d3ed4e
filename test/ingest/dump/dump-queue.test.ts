import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { concatenate } from "../../../shared/concatenate.ts";
import { type DumpPiece, DumpQueue, endOfSpan } from "../../../ingest/dump/dump-queue.ts";

const never = { bytes: 0, ms: 0, timeZone: "UTC" };
const hour = 3_600_000;

function drained(queue: DumpQueue): DumpPiece[] {
  const pieces: DumpPiece[] = [];
  for (let piece = queue.take(); piece; piece = queue.take()) {
    pieces.push(piece);
    queue.done();
  }
  return pieces;
}

describe("frames on their way to a dump", () => {
  it("are all there, in order, in files that end between frames, however they came and were taken", () => {
    const frame = fc.record({ size: fc.integer({ min: 1, max: 400 }), waitMs: fc.nat(400) });
    const batch = fc.record({ frames: fc.array(frame, { maxLength: 6 }), taken: fc.boolean() });
    const rotation = fc.record({ bytes: fc.constantFrom(0, 1, 500, 1_500), ms: fc.constantFrom(0, 1_000) });
    fc.assert(
      fc.property(fc.array(batch), rotation, (batches, { bytes, ms }) => {
        const queue = new DumpQueue({ bytes, ms, timeZone: "UTC" }, 1e9);
        const sent: { readonly bytes: Uint8Array; readonly atMs: number }[] = [];
        const pieces: DumpPiece[] = [];
        let nowMs = 0;
        for (const { frames, taken } of batches) {
          nowMs += frames[0]?.waitMs ?? 0;
          const made = frames.map(({ size }, at) => ({
            bytes: new Uint8Array(size).fill((sent.length + at) % 251),
          }));
          sent.push(...made.map((each) => ({ bytes: each.bytes.slice(), atMs: nowMs })));
          queue.push(made, nowMs);
          // The parser uses them again.
          for (const each of made) each.bytes.fill(255);
          if (taken) pieces.push(...drained(queue));
        }
        pieces.push(...drained(queue));
        expect(concatenate(pieces.map((piece) => piece.bytes))).toEqual(
          concatenate(sent.map((each) => each.bytes)),
        );
        const files = [...Map.groupBy(pieces, ({ file }) => file).values()];
        expect(files.map((file) => file[0]?.file)).toEqual(files.map((_, at) => at));
        let next = 0;
        for (const file of files) {
          let left = file.reduce((size, piece) => size + piece.bytes.length, 0);
          const first = next;
          if (bytes > 0 && left > bytes) expect(left).toBe(sent[first]?.bytes.length);
          for (; left > 0; next++) left -= sent[next]?.bytes.length ?? 0;
          expect(left).toBe(0);
          const spans = new Set(sent.slice(first, next).map(({ atMs }) => Math.floor(atMs / 1_000)));
          if (ms > 0) expect(spans.size).toBe(1);
          expect(new Set(file.map(({ startMs }) => startMs))).toEqual(new Set([sent[first]?.atMs]));
        }
        expect(queue.lost.frames).toBe(0);
      }),
    );
  });

  it("are left out when too much waits, until half of the room is free, and are counted", () => {
    const queue = new DumpQueue(never, 1_000);
    const frame = { bytes: new Uint8Array(100) };
    for (let count = 0; count < 15; count++) queue.push([frame], 0);
    expect(queue.lost).toEqual({ frames: 5, bytes: 500 });
    // What is being written takes room as well.
    expect(queue.take()?.bytes.length).toBe(1_000);
    queue.push([frame], 0);
    expect(queue.lost.frames).toBe(6);
    queue.done();
    queue.push([frame], 0);
    expect(queue.take()?.bytes.length).toBe(100);
    expect(queue.lost.frames).toBe(6);
  });

  it("go to a file that had something already for as long as it has room", () => {
    const queue = new DumpQueue({ ...never, bytes: 1_000 }, 1e9);
    const frame = { bytes: new Uint8Array(100) };
    queue.push([frame], 0);
    queue.found(0, 850);
    queue.push([frame], 0);
    expect(drained(queue).map(({ file }) => file)).toEqual([0, 1]);
  });
});

describe("a span of a rotation", () => {
  it("ends on the full hour, and at midnight where the station is", () => {
    const at = Date.parse("2026-11-21T12:34:56Z");
    expect(endOfSpan(at, { ms: hour, timeZone: "UTC" })).toBe(Date.parse("2026-11-21T13:00:00Z"));
    expect(endOfSpan(at, { ms: 24 * hour, timeZone: "Asia/Seoul" })).toBe(Date.parse("2026-11-21T15:00:00Z"));
    expect(endOfSpan(at, { ms: hour, timeZone: "Asia/Kathmandu" })).toBe(Date.parse("2026-11-21T13:15:00Z"));
    expect(endOfSpan(at, { ms: 24 * hour, timeZone: "America/New_York" })).toBe(
      Date.parse("2026-11-22T05:00:00Z"),
    );
  });
});
