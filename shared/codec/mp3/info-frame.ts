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
export function isInfoFrame(frame: Uint8Array, header: FrameHeader): boolean {
  if (header.layer !== 3) return false;
  const offset = mainDataOffset(header);
  const marked =
    isXing(wordAt(frame, offset)) ||
    (header.crc && isXing(wordAt(frame, offset - CRC_BYTES))) ||
    wordAt(frame, VBRI_OFFSET) === VBRI;
  if (!marked || frame.length < offset + MARKER_BYTES) return false;
  return decodeSideInfo(frame).part23Lengths.every((length) => length === 0);
}

const isXing = (word: number): boolean => word === XING || word === INFO;

const wordAt = (bytes: Uint8Array, at: number): number =>
  ((bytes[at] ?? 0) << 24) |
  ((bytes[at + 1] ?? 0) << 16) |
  ((bytes[at + 2] ?? 0) << 8) |
  (bytes[at + 3] ?? 0);
