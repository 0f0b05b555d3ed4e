import { ProtocolError } from "../../protocol-error.ts";
import { CRC_BYTES, decodeHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";

/** The two things of Layer III side information that joins need (ISO 11172-3 2.4.1.7, ISO 13818-3 2.4.1.7). */
export interface SideInfo {
  /** Bytes of earlier frames' main data before this frame's first: 0-511, in MPEG-2 and 2.5 0-255. */
  readonly mainDataBegin: number;
  /** Bits of audio per granule and channel, granule by granule. All zero: the frame is silent. */
  readonly part23Lengths: readonly number[];
}

/** The side information of the Layer III frame in `frame`. Throws ProtocolError when it is none or too short. */
export function decodeSideInfo(frame: Uint8Array): SideInfo {
  const header = decodeHeader(frame);
  if (header.layer !== 3) throw new ProtocolError(`expected a Layer III frame, got layer ${header.layer}`);
  if (frame.length < mainDataOffset(header)) {
    throw new ProtocolError(
      `expected ${mainDataOffset(header)} bytes of side information, got ${frame.length}`,
    );
  }
  const at = HEADER_BYTES + (header.crc ? CRC_BYTES : 0);
  const mpeg1 = header.version === "mpeg1";
  const channels = header.channelMode === "mono" ? 1 : 2;
  const beginBits = mpeg1 ? 9 : 8;
  const privateBits = mpeg1 ? 7 - 2 * channels : channels;
  const scfsiBits = mpeg1 ? 4 * channels : 0;
  const partBits = mpeg1 ? 59 : 63;
  const firstPart = beginBits + privateBits + scfsiBits;
  const part23Lengths: number[] = [];
  for (let part = 0; part < channels * (mpeg1 ? 2 : 1); part++) {
    part23Lengths.push(readBits(frame, at * 8 + firstPart + part * partBits, 12));
  }
  return { mainDataBegin: readBits(frame, at * 8, beginBits), part23Lengths };
}

/** Up to 16 bits from bit `at` on, most significant first. */
function readBits(bytes: Uint8Array, at: number, count: number): number {
  const byte = at >>> 3;
  const window = ((bytes[byte] ?? 0) << 16) | ((bytes[byte + 1] ?? 0) << 8) | (bytes[byte + 2] ?? 0);
  return (window >>> (24 - (at & 7) - count)) & ((1 << count) - 1);
}
