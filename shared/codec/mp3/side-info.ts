import { ProtocolError } from "../../protocol-error.ts";
import { CRC_BYTES, decodeHeader, type FrameHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";

/** Of `part2_3_length`. */
export const PART23_LENGTH_BITS = 12;

/** The two things of Layer III side information that joins need (ISO 11172-3 2.4.1.7, ISO 13818-3 2.4.1.7). */
export interface SideInfo {
  /** Bytes of earlier frames' main data before this frame's first: 0-511, in MPEG-2 and 2.5 0-255. */
  readonly mainDataBegin: number;
  /** Bits of audio per granule and channel, granule by granule. All zero: the frame is silent. */
  readonly part23Lengths: readonly number[];
}

/** Where in a Layer III frame the fields of its side information stand, in bits from the frame's first. */
export interface SideInfoLayout {
  readonly mpeg1: boolean;
  readonly mainDataBegin: { readonly at: number; readonly bits: number };
  /** Where the part of each granule and channel begins, granule by granule: it begins with `part2_3_length`. */
  readonly parts: readonly number[];
}

/** The layout of the side information of a Layer III frame with this header. */
export function sideInfoLayout(header: Pick<FrameHeader, "version" | "channelMode" | "crc">): SideInfoLayout {
  const at = (HEADER_BYTES + (header.crc ? CRC_BYTES : 0)) * 8;
  const mpeg1 = header.version === "mpeg1";
  const channels = header.channelMode === "mono" ? 1 : 2;
  const beginBits = mpeg1 ? 9 : 8;
  const privateBits = mpeg1 ? 7 - 2 * channels : channels;
  const scfsiBits = mpeg1 ? 4 * channels : 0;
  const partBits = mpeg1 ? 59 : 63;
  const firstPart = at + beginBits + privateBits + scfsiBits;
  return {
    mpeg1,
    mainDataBegin: { at, bits: beginBits },
    parts: Array.from({ length: channels * (mpeg1 ? 2 : 1) }, (_, part) => firstPart + part * partBits),
  };
}

/** The side information of the Layer III frame in `frame`. Throws ProtocolError when it is none or too short. */
export function decodeSideInfo(frame: Uint8Array): SideInfo {
  const { mainDataBegin, parts } = sideInfoLayout(layer3Header(frame));
  return {
    mainDataBegin: readBits(frame, mainDataBegin.at, mainDataBegin.bits),
    part23Lengths: parts.map((part) => readBits(frame, part, PART23_LENGTH_BITS)),
  };
}

/** The header of a Layer III frame that has all of its side information. Throws ProtocolError for any other. */
export function layer3Header(frame: Uint8Array): FrameHeader {
  const header = decodeHeader(frame);
  if (header.layer !== 3) throw new ProtocolError(`expected a Layer III frame, got layer ${header.layer}`);
  if (frame.length < mainDataOffset(header)) {
    throw new ProtocolError(
      `expected ${mainDataOffset(header)} bytes of side information, got ${frame.length}`,
    );
  }
  return header;
}

interface MainDataBegin {
  /** Where the side information begins. */
  readonly at: number;
  readonly header: Pick<FrameHeader, "version">;
  /** As much of it as the field can say counts. */
  readonly begin: number;
}

/** Writes `main_data_begin` into side information that has no bit set before its parts. */
export function setMainDataBegin(bytes: Uint8Array, { at, header, begin }: MainDataBegin): void {
  const mpeg1 = header.version === "mpeg1";
  const said = Math.min(begin, mpeg1 ? 511 : 255);
  bytes[at] = mpeg1 ? said >> 1 : said;
  bytes[at + 1] = mpeg1 ? (said & 1) << 7 : 0;
}

/** Up to 16 bits from bit `at` on, most significant first. */
export function readBits(bytes: Uint8Array, at: number, count: number): number {
  const byte = at >>> 3;
  const window = ((bytes[byte] ?? 0) << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
  return (window >>> (24 - (at & 7) - count)) & ((1 << count) - 1);
}
