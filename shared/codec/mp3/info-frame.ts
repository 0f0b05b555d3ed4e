import { CRC_BYTES, type FrameHeader, HEADER_BYTES, mainDataOffset } from "./header.ts";
import { decodeSideInfo } from "./side-info.ts";

const XING = 0x58696e67;
const INFO = 0x496e666f;
const VBRI = 0x56425249;
/** VBRI stands here whatever the version and mode (Fraunhofer's encoders). */
const VBRI_OFFSET = HEADER_BYTES + 32;
const MARKER_BYTES = 4;

/**
 * Whether a whole frame is a Xing, Info or VBRI frame: a file's table of contents made to look like a silent Layer
 * III frame. The marker follows the side information; LAME leaves the CRC out of that sum in protected streams, so
 * both places count. A frame that carries audio is none, whatever its bytes spell.
 */
export const isInfoFrame = (frame: Uint8Array, header: FrameHeader): boolean =>
  infoMarkerAt(frame, header) !== null;

/** Where the marker of a Xing, Info or VBRI frame stands; null for every other frame. */
export function infoMarkerAt(frame: Uint8Array, header: FrameHeader): number | null {
  if (header.layer !== 3) return null;
  const offset = mainDataOffset(header);
  if (frame.length < offset + MARKER_BYTES) return null;
  let marker: number | null = null;
  if (isXing(wordAt(frame, offset))) marker = offset;
  else if (header.crc && isXing(wordAt(frame, offset - CRC_BYTES))) marker = offset - CRC_BYTES;
  else if (wordAt(frame, VBRI_OFFSET) === VBRI) marker = VBRI_OFFSET;
  if (marker === null) return null;
  return decodeSideInfo(frame).part23Lengths.every((length) => length === 0) ? marker : null;
}

const isXing = (word: number): boolean => word === XING || word === INFO;

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) |
  ((bytes[at + 1] ?? 0) << 16) |
  ((bytes[at + 2] ?? 0) << 8) |
  (bytes[at + 3] ?? 0);
