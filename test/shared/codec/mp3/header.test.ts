import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decodeHeader,
  describeHeader,
  encodeHeader,
  frameSize,
  mainDataOffset,
  samplesPerFrame,
} from "../../../../shared/codec/mp3/header.ts";
import { ProtocolError } from "../../../../shared/protocol-error.ts";
import { FRAME_SIZES, type FrameSizeRow } from "./frame-sizes.ts";
import { valueOrProtocolError } from "./streams.ts";

/** Bytes of an unprotected header put together from the codes of the standard. */
const bits = (row: FrameSizeRow, bitrateCode: number, padding: number, mode = 0): Uint8Array =>
  Uint8Array.of(
    0xff,
    0xe1 + row.versionBits * 8 + row.layerBits * 2,
    bitrateCode * 16 + row.rateBits * 4 + padding * 2,
    mode * 64,
  );

const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

describe("a frame header", () => {
  for (const row of FRAME_SIZES) {
    it(`names and sizes every ${row.version} layer ${row.layer} frame at ${row.sampleRate} Hz`, () => {
      const slot = row.layer === 1 ? 4 : 1;
      for (const [i, size] of row.sizes.entries()) {
        for (const padding of [0, 1]) {
          const header = decodeHeader(bits(row, i + 1, padding));
          expect(header).toMatchObject({
            version: row.version,
            layer: row.layer,
            sampleRate: row.sampleRate,
            bitrateKbps: row.bitrates[i],
            padding: padding === 1,
          });
          expect(frameSize(header)).toBe(size + padding * slot);
        }
      }
      expect(frameSize(decodeHeader(bits(row, 0, 0)))).toBe(0);
    });
  }

  it.each([
    ["fffb9044", "mpeg1", 3, false, 128, 44_100, false, "joint-stereo", 417],
    ["fffa9240", "mpeg1", 3, true, 128, 44_100, true, "joint-stereo", 418],
    ["fff38064", "mpeg2", 3, false, 64, 22_050, false, "joint-stereo", 208],
    ["fff382c4", "mpeg2", 3, false, 64, 22_050, true, "mono", 209],
    ["ffe318c4", "mpeg2.5", 3, false, 8, 8_000, false, "mono", 72],
    ["fffda404", "mpeg1", 2, false, 192, 48_000, false, "stereo", 576],
    ["ffff6680", "mpeg1", 1, false, 192, 48_000, true, "dual-channel", 196],
  ])(
    "decodes %s as encoders write it",
    (text, version, layer, crc, bitrateKbps, sampleRate, padding, mode, size) => {
      const header = decodeHeader(hex(text));
      expect(header).toMatchObject({
        version,
        layer,
        crc,
        bitrateKbps,
        sampleRate,
        padding,
        channelMode: mode,
      });
      expect(frameSize(header)).toBe(size);
      expect(encodeHeader(header)).toEqual(hex(text));
    },
  );

  it.each([
    ["494433040000", "expected a sync word, got 0x49443304"],
    ["ffeb9044", "expected MPEG version 1, 2 or 2.5, got 0xffeb9044"],
    ["fff99044", "expected layer I, II or III, got 0xfff99044"],
    ["fffbf044", "expected a bitrate, got 0xfffbf044"],
    ["fffb9c44", "expected a sample rate, got 0xfffb9c44"],
    ["fffb9046", "expected a known emphasis, got 0xfffb9046"],
    ["fffb90", "expected a frame header of 4 bytes, got 3"],
  ])("refuses %s and says why", (text, message) => {
    expect(() => decodeHeader(hex(text))).toThrow(new ProtocolError(message));
  });

  it("accepts the pairs of bitrate and mode that Layer II forbids, as decoders do", () => {
    expect(decodeHeader(hex("fffdd4c4"))).toMatchObject({ layer: 2, bitrateKbps: 320, channelMode: "mono" });
  });

  it("encodes what it decodes, and throws only ProtocolError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 6 }), fc.boolean(), (bytes, sync) => {
        if (sync && bytes.length > 1) bytes.set([0xff, (bytes[1] ?? 0) | 0xe0]);
        const header = valueOrProtocolError(() => decodeHeader(bytes));
        expect(header && encodeHeader(header)).toEqual(header && bytes.slice(0, 4));
      }),
      { numRuns: 2_000 },
    );
  });

  it("cannot be encoded with a bitrate or rate its version lacks", () => {
    const header = decodeHeader(hex("fffb9044"));
    expect(() => encodeHeader({ ...header, bitrateKbps: 8 })).toThrow("no 8 kb/s in MPEG-1 Layer III");
    expect(() => encodeHeader({ ...header, version: "mpeg2.5" })).toThrow(
      "no 44100 Hz in MPEG-2.5 Layer III",
    );
  });

  it("tells samples, main data offset and a description", () => {
    expect(samplesPerFrame({ version: "mpeg1", layer: 1 })).toBe(384);
    expect(samplesPerFrame({ version: "mpeg2", layer: 1 })).toBe(384);
    expect(samplesPerFrame({ version: "mpeg2.5", layer: 2 })).toBe(1152);
    expect(samplesPerFrame({ version: "mpeg1", layer: 3 })).toBe(1152);
    expect(samplesPerFrame({ version: "mpeg2", layer: 3 })).toBe(576);
    expect(samplesPerFrame({ version: "mpeg2.5", layer: 3 })).toBe(576);
    expect(mainDataOffset(decodeHeader(hex("fffb9044")))).toBe(36);
    expect(mainDataOffset(decodeHeader(hex("fffa9044")))).toBe(38);
    expect(mainDataOffset(decodeHeader(hex("fffb90c4")))).toBe(21);
    expect(mainDataOffset(decodeHeader(hex("fff38064")))).toBe(21);
    expect(mainDataOffset(decodeHeader(hex("fff380c4")))).toBe(13);
    expect(describeHeader(decodeHeader(hex("fffb9044")))).toBe("MPEG-1 Layer III, 44100 Hz, joint stereo");
    expect(describeHeader(decodeHeader(hex("ffe51880")))).toBe("MPEG-2.5 Layer II, 8000 Hz, dual channel");
  });
});
