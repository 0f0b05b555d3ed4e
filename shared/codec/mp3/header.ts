import { ProtocolError } from "../../protocol-error.ts";

/**
 * The four bytes an MPEG audio frame begins with (ISO 11172-3 2.4.1.3, ISO 13818-3 2.4.1.3), most significant first:
 *
 *     11 bits  sync word, all ones (12 in ISO 11172-3; MPEG-2.5 took the last one)
 *      2       version: 0 MPEG-2.5, 1 reserved, 2 MPEG-2, 3 MPEG-1
 *      2       layer: 0 reserved, 1 III, 2 II, 3 I
 *      1       0 = a CRC-16 follows the header
 *      4       bitrate: 0 free format, 15 forbidden
 *      2       sample rate: 3 reserved
 *      1       padding: the frame is one slot longer (4 bytes in Layer I, else 1)
 *      1       private
 *      2       channel mode
 *      2       mode extension
 *      1       copyright
 *      1       original
 *      2       emphasis: 2 reserved
 */
export interface FrameHeader {
  readonly version: Version;
  readonly layer: Layer;
  /** Whether two bytes of CRC follow the header. */
  readonly crc: boolean;
  /** Kilobits per second; 0 is free format, whose frame size only the distance to the next header tells. */
  readonly bitrateKbps: number;
  readonly sampleRate: number;
  readonly padding: boolean;
  readonly privateBit: boolean;
  readonly channelMode: ChannelMode;
  /** Two bits whose meaning depends on the layer; meaningful for joint stereo only. */
  readonly modeExtension: number;
  readonly copyright: boolean;
  readonly original: boolean;
  readonly emphasis: Emphasis;
}

export type Version = "mpeg1" | "mpeg2" | "mpeg2.5";
export type Layer = 1 | 2 | 3;
type ChannelMode = "stereo" | "joint-stereo" | "dual-channel" | "mono";
type Emphasis = "none" | "50/15" | "ccitt-j17";

export const HEADER_BYTES = 4;
export const CRC_BYTES = 2;

const VERSIONS = ["mpeg2.5", null, "mpeg2", "mpeg1"] as const;
const LAYERS = [null, 3, 2, 1] as const;
const CHANNEL_MODES = ["stereo", "joint-stereo", "dual-channel", "mono"] as const;
const EMPHASES = ["none", "50/15", null, "ccitt-j17"] as const;
const SAMPLE_RATES: Record<Version, readonly number[]> = {
  mpeg1: [44_100, 48_000, 32_000],
  mpeg2: [22_050, 24_000, 16_000],
  "mpeg2.5": [11_025, 12_000, 8_000],
};
const MPEG1_BITRATES: Record<Layer, readonly number[]> = {
  1: [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  2: [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  3: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
};
const LOW_RATE_BITRATES: readonly number[] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MPEG2_BITRATES: Record<Layer, readonly number[]> = {
  1: [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  2: LOW_RATE_BITRATES,
  3: LOW_RATE_BITRATES,
};

/** Bitrates a header can name, kb/s, rising; the first is 0, free format. */
export const bitratesOf = (header: Pick<FrameHeader, "version" | "layer">): readonly number[] =>
  (header.version === "mpeg1" ? MPEG1_BITRATES : MPEG2_BITRATES)[header.layer];

/** The header's bytes as one unsigned number. The caller knows that four bytes are there. */
export const headerWord = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] ?? 0) << 24) |
    ((bytes[at + 1] ?? 0) << 16) |
    ((bytes[at + 2] ?? 0) << 8) |
    (bytes[at + 3] ?? 0)) >>>
  0;

/**
 * Names for the header at `at`. Throws ProtocolError when there is none or a value is reserved. Layer II's forbidden
 * pairs of bitrate and mode pass: decoders play them.
 */
export function decodeHeader(bytes: Uint8Array, at = 0): FrameHeader {
  if (bytes.length - at < HEADER_BYTES) {
    throw new ProtocolError(`expected a frame header of 4 bytes, got ${Math.max(0, bytes.length - at)}`);
  }
  return decodeHeaderWord(headerWord(bytes, at));
}

/** As `decodeHeader`, from `headerWord`. */
export function decodeHeaderWord(word: number): FrameHeader {
  const refuse = (expected: string): ProtocolError =>
    new ProtocolError(`expected ${expected}, got 0x${word.toString(16).padStart(8, "0")}`);
  if (word >>> 21 !== 0x7ff) throw refuse("a sync word");
  const version = VERSIONS[(word >>> 19) & 3];
  const layer = LAYERS[(word >>> 17) & 3];
  const emphasis = EMPHASES[word & 3];
  if (!version) throw refuse("MPEG version 1, 2 or 2.5");
  if (!layer) throw refuse("layer I, II or III");
  if (!emphasis) throw refuse("a known emphasis");
  const bitrateKbps = bitratesOf({ version, layer })[(word >>> 12) & 15];
  const sampleRate = SAMPLE_RATES[version][(word >>> 10) & 3];
  if (bitrateKbps === undefined) throw refuse("a bitrate");
  if (sampleRate === undefined) throw refuse("a sample rate");
  return {
    version,
    layer,
    crc: (word & 0x10000) === 0,
    bitrateKbps,
    sampleRate,
    padding: (word & 0x200) !== 0,
    privateBit: (word & 0x100) !== 0,
    channelMode: CHANNEL_MODES[(word >>> 6) & 3] ?? "stereo",
    modeExtension: (word >>> 4) & 3,
    copyright: (word & 8) !== 0,
    original: (word & 4) !== 0,
    emphasis,
  };
}

/** The four bytes of a header. Throws RangeError for a bitrate or sample rate that its version and layer lack. */
export function encodeHeader(header: FrameHeader): Uint8Array {
  const bitrate = bitratesOf(header).indexOf(header.bitrateKbps);
  const rate = SAMPLE_RATES[header.version].indexOf(header.sampleRate);
  if (bitrate < 0) throw new RangeError(`no ${header.bitrateKbps} kb/s in ${describeLayer(header)}`);
  if (rate < 0) throw new RangeError(`no ${header.sampleRate} Hz in ${describeLayer(header)}`);
  return Uint8Array.of(
    0xff,
    0xe0 |
      (VERSIONS.indexOf(header.version) << 3) |
      (LAYERS.indexOf(header.layer) << 1) |
      (header.crc ? 0 : 1),
    (bitrate << 4) | (rate << 2) | (header.padding ? 2 : 0) | (header.privateBit ? 1 : 0),
    (CHANNEL_MODES.indexOf(header.channelMode) << 6) |
      ((header.modeExtension & 3) << 4) |
      (header.copyright ? 8 : 0) |
      (header.original ? 4 : 0) |
      EMPHASES.indexOf(header.emphasis),
  );
}

/** PCM samples per channel in one frame (ISO 11172-3 2.4.2.1; half in MPEG-2 Layer III, ISO 13818-3 2.4.2.1). */
export function samplesPerFrame(header: Pick<FrameHeader, "version" | "layer">): number {
  if (header.layer === 1) return 384;
  return header.layer === 3 && header.version !== "mpeg1" ? 576 : 1152;
}

/** Bytes that the padding bit adds: one slot (ISO 11172-3 2.4.2.1). */
export const paddingBytes = (header: Pick<FrameHeader, "layer" | "padding">): number => {
  if (!header.padding) return 0;
  return header.layer === 1 ? 4 : 1;
};

/** Bytes of the whole frame, header included (ISO 11172-3 2.4.3.1); 0 for free format, which does not say. */
export function frameSize(header: FrameHeader): number {
  if (header.bitrateKbps === 0) return 0;
  const slotBytes = header.layer === 1 ? 4 : 1;
  const bytesPerSecond = header.bitrateKbps * 125;
  const slots = Math.floor((samplesPerFrame(header) * bytesPerSecond) / (header.sampleRate * slotBytes));
  return slots * slotBytes + paddingBytes(header);
}

/** Bytes of Layer III side information, which follow header and CRC (ISO 11172-3 2.4.1.7, ISO 13818-3 2.4.1.7). */
function sideInfoSize(header: Pick<FrameHeader, "version" | "channelMode">): number {
  const mono = header.channelMode === "mono";
  if (header.version === "mpeg1") return mono ? 17 : 32;
  return mono ? 9 : 17;
}

/** Where a Layer III frame's main data begins: after header, CRC and side information. */
export const mainDataOffset = (header: FrameHeader): number =>
  HEADER_BYTES + (header.crc ? CRC_BYTES : 0) + sideInfoSize(header);

const describeLayer = (header: Pick<FrameHeader, "version" | "layer">): string =>
  `MPEG-${header.version.slice(4)} Layer ${"I".repeat(header.layer)}`;

/** For people: "MPEG-1 Layer III, 44100 Hz, joint stereo". */
export const describeHeader = (header: FrameHeader): string =>
  `${describeLayer(header)}, ${header.sampleRate} Hz, ${header.channelMode.replace("-", " ")}`;
