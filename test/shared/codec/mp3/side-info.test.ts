import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Reservoir } from "../../../../shared/codec/mp3/reservoir.ts";
import { decodeSideInfo } from "../../../../shared/codec/mp3/side-info.ts";
import { concat, FIXTURES, fixtureFrames, valueOrProtocolError } from "./streams.ts";

/** Bytes from a string of bits, spaces ignored, zeros to the end. */
function frameOf(header: string, bits: string): Uint8Array {
  const frame = new Uint8Array(64);
  frame.set(Buffer.from(header, "hex"));
  for (const [i, bit] of bits.replaceAll(" ", "").split("").entries()) {
    frame[4 + (i >> 3)] = (frame[4 + (i >> 3)] ?? 0) | (Number(bit) << (7 - (i & 7)));
  }
  return frame;
}

const rest = (bits: number): string => "1".repeat(bits);

describe("side information", () => {
  it("of MPEG-1 stereo has 9 bits of reach and four lengths", () => {
    const bits = `100000001 111 11111111 000000000001${rest(47)} 000000000010${rest(47)} 100000000000${rest(47)} 111111111111`;
    expect(decodeSideInfo(frameOf("fffb9044", bits))).toEqual({
      mainDataBegin: 257,
      part23Lengths: [1, 2, 2048, 4095],
    });
  });

  it("of MPEG-1 mono has two lengths", () => {
    const bits = `111111111 11111 1111 000000000111${rest(47)} 000001000000`;
    expect(decodeSideInfo(frameOf("fffb90c4", bits))).toEqual({ mainDataBegin: 511, part23Lengths: [7, 64] });
  });

  it("of MPEG-2 stereo has 8 bits of reach and two lengths", () => {
    const bits = `10000001 11 000000000101${rest(51)} 010000000000`;
    expect(decodeSideInfo(frameOf("fff38064", bits))).toEqual({
      mainDataBegin: 129,
      part23Lengths: [5, 1024],
    });
  });

  it("of MPEG-2.5 mono has one length", () => {
    expect(decodeSideInfo(frameOf("ffe318c4", "11111111 1 000000001001"))).toEqual({
      mainDataBegin: 255,
      part23Lengths: [9],
    });
  });

  it("comes after the CRC of a protected frame", () => {
    const bits = `${rest(16)} 000000010 111 11111111 000000000011`;
    expect(decodeSideInfo(frameOf("fffa9044", bits))).toMatchObject({
      mainDataBegin: 2,
      part23Lengths: [3, 0, 0, 0],
    });
  });

  it("is refused in other layers and in frames cut off", () => {
    expect(() => decodeSideInfo(frameOf("fffd9044", ""))).toThrow("expected a Layer III frame, got layer 2");
    expect(() => decodeSideInfo(frameOf("fffb9044", "").subarray(0, 30))).toThrow(
      "expected 36 bytes of side information, got 30",
    );
  });

  it("decodes, or throws ProtocolError, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), fc.boolean(), (bytes, sync) => {
        if (sync && bytes.length > 1) bytes.set([0xff, (bytes[1] ?? 0) | 0xe0]);
        const sideInfo = valueOrProtocolError(() => decodeSideInfo(bytes));
        expect(sideInfo?.mainDataBegin ?? 0).toBeLessThan(512);
      }),
      { numRuns: 1_000 },
    );
  });
});

describe("the bit reservoir", () => {
  it("is the last 511 bytes of main data, as views that stay as they are", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(40), fc.nat(6_000)), { maxLength: 40 }), (parts) => {
        const reservoir = new Reservoir();
        let all = new Uint8Array(0);
        const views: [Uint8Array, Uint8Array][] = [];
        for (const [i, [start, length]] of parts.entries()) {
          const bytes = new Uint8Array(start + length).map((_, at) => i * 31 + at);
          reservoir.push(bytes, start, bytes.length);
          all = concat(all, bytes.subarray(start)).slice(-511);
          views.push([reservoir.view(), all]);
        }
        for (const [view, expected] of views) expect(view).toEqual(expected);
      }),
      { numRuns: 50 },
    );
  });

  it.each(FIXTURES.filter(({ name }) => name.endsWith(".mp3")))(
    "of $name holds what every frame reaches for",
    ({ name }) => {
      const frames = fixtureFrames(name);
      const reaches = frames.map((frame) => decodeSideInfo(frame.bytes).mainDataBegin);
      expect(Math.max(...reaches)).toBeGreaterThan(200);
      for (const [i, frame] of frames.entries()) {
        expect(frame.reservoir.length).toBeGreaterThanOrEqual(reaches[i] ?? 0);
      }
    },
  );

  it("is empty for Layer II", () => {
    expect(fixtureFrames("layer2.mp2").every((frame) => frame.reservoir.length === 0)).toBe(true);
  });
});
