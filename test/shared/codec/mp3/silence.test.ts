import { beforeAll, describe, expect, it } from "vitest";
import type { Codec } from "../../../../shared/codec/codec.ts";
import { mp3 } from "../../../../shared/codec/mp3/mp3.ts";
import { ProtocolError } from "../../../../shared/protocol-error.ts";
import { requireClient } from "../../../support/clients.ts";
import {
  complaintsOfPrograms,
  type Decode,
  decodeWithMpg123,
  openMpg123Wasm,
} from "../../../support/decoders.ts";
import { FRAME_SIZES, type FrameSizeRow } from "./frame-sizes.ts";
import { ascii, concat, FIXTURES, fixtureFrames, noise } from "./streams.ts";

const REPEATS = 4;
/** The lowest, the highest and some between; with and without padding and CRC. */
const BITRATE_CODES = [1, 2, 6, 9, 13, 14];
const MODES = { stereo: 0, "joint stereo": 1, "dual channel": 2, mono: 3 };

let decodeWasm: Decode;
beforeAll(async () => {
  decodeWasm = await openMpg123Wasm();
});

const silence: Codec["silence"] = (like) => mp3.silence(like);

const repeated = (frame: Uint8Array, times: number): Uint8Array =>
  concat(...Array.from({ length: times }, () => frame));

/** A frame of noise behind the header that the codes of the standard make. */
function loudFrame(
  row: FrameSizeRow,
  bitrateCode: number,
  mode: number,
  crc: boolean,
  padding = 0,
): Uint8Array {
  const slot = row.layer === 1 ? 4 : 1;
  const frame = noise((row.sizes[bitrateCode - 1] ?? 0) + padding * slot, 3);
  frame.set([
    0xff,
    0xe0 + row.versionBits * 8 + row.layerBits * 2 + (crc ? 0 : 1),
    bitrateCode * 16 + row.rateBits * 4 + padding * 2,
    mode * 64 + 0x34,
  ]);
  return frame;
}

const samplesOf = (row: FrameSizeRow): number => {
  if (row.layer === 1) return 384;
  return row.layer === 3 && row.version !== "mpeg1" ? 576 : 1152;
};

describe("silence", () => {
  for (const row of FRAME_SIZES) {
    it(`of ${row.version} layer ${row.layer} at ${row.sampleRate} Hz decodes to zeros from the lowest to the highest bitrate in every mode`, async () => {
      for (const mode of Object.values(MODES)) {
        for (const bitrateCode of BITRATE_CODES) {
          const like = loudFrame(
            row,
            bitrateCode,
            mode,
            bitrateCode % 2 === 0,
            bitrateCode % 3 === 0 ? 1 : 0,
          );
          const silent = silence(like);
          expect(silent).toHaveLength(like.length);
          const decoded = await decodeWasm(repeated(silent, REPEATS));
          expect(decoded.complaints).toEqual([]);
          expect(decoded.sampleRate).toBe(row.sampleRate);
          expect(decoded.samples).toBe(REPEATS * samplesOf(row));
          expect(decoded.channels.every((channel) => channel.every((sample) => sample === 0))).toBe(true);
        }
      }
    });
  }

  it.for(FRAME_SIZES.filter((row) => row.rateBits === 0))(
    "of $version layer $layer draws no complaint from ffmpeg or mpg123",
    (row, context) => {
      requireClient(context, "ffmpeg", "mpg123");
      for (const mode of [MODES["joint stereo"], MODES.mono]) {
        expect(complaintsOfPrograms(repeated(silence(loudFrame(row, 8, mode, true)), 10))).toEqual([]);
      }
    },
  );

  it("of free format is free format of the same size", async (context) => {
    requireClient(context, "mpg123");
    const like = fixtureFrames("freeformat.mp3")[7]?.bytes ?? new Uint8Array(0);
    const silent = silence(like);
    expect(silent).toHaveLength(like.length);
    const decoded = await decodeWithMpg123(repeated(silent, 10));
    expect(decoded).toMatchObject({ samples: 11_520, complaints: [] });
    expect(decoded.channels.every((channel) => channel.every((sample) => sample === 0))).toBe(true);
  });

  it.each(FIXTURES)("fits into $name: the parser keeps its place and the format its key", ({ name, key }) => {
    const frames = fixtureFrames(name);
    const bytes = frames.map((frame) => frame.bytes);
    const silent = silence(bytes[3] ?? new Uint8Array(0));
    const stream = concat(
      ...bytes.slice(0, 9),
      ...Array.from({ length: 20 }, () => silent),
      ...bytes.slice(9, 20),
    );
    const parser = mp3.createParser();
    const parsed = [...parser.push(stream), ...parser.flush()];
    expect(parsed).toHaveLength(40);
    expect(new Set(parsed.map((frame) => frame.format.key))).toEqual(new Set([key]));
  });

  it("like bytes that are no frame is refused", () => {
    expect(() => silence(ascii("no frame"))).toThrow(ProtocolError);
    expect(() => silence(new Uint8Array(0))).toThrow(ProtocolError);
  });
});
