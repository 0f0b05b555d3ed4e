import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stampedFrame } from "../../test/support/chaos/stamped-frame.ts";
import { StampedReader } from "../support/stamped-reader.ts";

const frame = (number: number): Buffer => stampedFrame(1, number, number === 0);
const frames = (from: number, count: number): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, index) => frame(from + index)));
const damaged = (number: number): Buffer => {
  const bytes = frame(number);
  bytes[200] = (bytes[200] ?? 0) ^ 1;
  return bytes;
};

function numbersIn(pieces: readonly Uint8Array[]): number[] {
  const reader = new StampedReader();
  return pieces.flatMap((piece) => reader.push(piece));
}

describe("the numbers of stamped frames", () => {
  const stream = frames(70_000, 6);
  const expected = [70_000, 70_001, 70_002, 70_003, 70_004, 70_005];

  test("are found in a whole stream", () => {
    expect(numbersIn([stream])).toEqual(expected);
  });

  test("are found byte by byte, each with its frame's last byte", () => {
    const reader = new StampedReader();
    const found = Array.from(stream, (byte) => reader.push(Uint8Array.of(byte)));
    const at = found.flatMap((numbers, index) => (numbers.length > 0 ? [index] : []));
    expect(found.flat()).toEqual(expected);
    expect(at).toEqual(expected.map((_, index) => (index + 1) * 384 - 1));
  });

  test("are found wherever the stream begins and is cut", () => {
    fc.assert(
      fc.property(
        fc.nat({ max: 1_000 }),
        fc.array(fc.nat({ max: stream.length }), { maxLength: 12 }),
        (begin, places) => {
          const cuts = [begin, ...places.filter((at) => at > begin), stream.length].toSorted((a, b) => a - b);
          const pieces = cuts.slice(1).map((end, index) => stream.subarray(cuts[index], end));
          expect(numbersIn(pieces)).toEqual(expected.slice(Math.ceil(begin / 384)));
        },
      ),
    );
  });

  test("are found behind bytes that are no stamped frame, and not in a damaged one", () => {
    const noise = Buffer.from("ID3 SKWC and then some");
    expect(numbersIn([noise, frame(0), damaged(1), frame(2)])).toEqual([0, 2]);
  });
});
