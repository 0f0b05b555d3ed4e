import { CRC_BYTES, type FrameHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";

const POLYNOMIAL = 0x8005;
const START = 0xffff;
const TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit++) crc = (crc << 1) ^ ((crc & 0x8000) === 0 ? 0 : POLYNOMIAL);
  return crc;
});

/**
 * The CRC-16 of a protected Layer III frame (ISO 11172-3 2.4.3.1): over the last two bytes of the header and the side
 * information. Whoever changes either must write it anew.
 */
export function crcOf(frame: Uint8Array, header: FrameHeader): number {
  let crc = START;
  const end = mainDataOffset(header);
  for (let at = 2; at < end; at++) {
    if (at === HEADER_BYTES) at += CRC_BYTES;
    crc = ((crc << 8) & 0xffff) ^ (TABLE[(crc >>> 8) ^ (frame[at] ?? 0)] ?? 0);
  }
  return crc;
}

/** The CRC that stands in a protected frame. */
export const writtenCrc = (frame: Uint8Array): number =>
  ((frame[HEADER_BYTES] ?? 0) << 8) | (frame[HEADER_BYTES + 1] ?? 0);

export function writeCrc(frame: Uint8Array, crc: number): void {
  frame[HEADER_BYTES] = crc >>> 8;
  frame[HEADER_BYTES + 1] = crc & 0xff;
}
