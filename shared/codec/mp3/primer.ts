import {
  bitratesOf,
  decodeHeader,
  encodeHeader,
  type FrameHeader,
  frameSize,
  HEADER_BYTES,
  mainDataOffset,
  paddingBytes,
} from "./header.ts";
import { decodeSideInfo, setMainDataBegin } from "./side-info.ts";

const EMPTY = new Uint8Array(0);

/**
 * How many bytes of earlier main data the whole frame `frame` reaches back to: 0 for Layers I and II, and for a frame
 * too short to say. Throws ProtocolError when `frame` begins with no header.
 */
export function reachOf(frame: Uint8Array): number {
  const header = decodeHeader(frame);
  return header.layer === 3 && frame.length >= mainDataOffset(header)
    ? decodeSideInfo(frame).mainDataBegin
    : 0;
}

/**
 * Silent frames to send before `frame` when the frames before it are not sent: their main data ends in the bytes of
 * `known` (the main data before `frame`, the latest last) that `frame` reaches back to. A decoder then finds what
 * it needs, and from the second frame on (the third in MPEG-2 and 2.5, whose frames are half as long) it yields
 * what it yields for the unbroken stream. Bytes that are not known are zeros. Empty when the frame stands alone.
 */
export function primerFor(frame: Uint8Array, known: Uint8Array): Uint8Array {
  const reach = reachOf(frame);
  if (reach === 0) return EMPTY;
  const needed = new Uint8Array(reach);
  const tail = known.subarray(Math.max(0, known.length - reach));
  needed.set(tail, reach - tail.length);
  const header = { ...decodeHeader(frame), crc: false, padding: false, modeExtension: 0 };
  return header.bitrateKbps === 0
    ? freeFormatPrimer(header, frame.length - paddingBytes(decodeHeader(frame)), needed)
    : oneFramePrimer(header, needed);
}

/** One frame: of the stream's own bitrate, or of the smallest that has room. The largest has in every version. */
function oneFramePrimer(header: FrameHeader, needed: Uint8Array): Uint8Array {
  const hasRoom = (bitrateKbps: number): boolean =>
    frameSize({ ...header, bitrateKbps }) - mainDataOffset(header) >= needed.length;
  const bitrateKbps = hasRoom(header.bitrateKbps)
    ? header.bitrateKbps
    : (bitratesOf(header).find((rate) => hasRoom(rate)) ?? header.bitrateKbps);
  const silent = { ...header, bitrateKbps };
  const primer = new Uint8Array(frameSize(silent));
  primer.set(encodeHeader(silent));
  primer.set(needed, primer.length - needed.length);
  return primer;
}

/**
 * Free format frames all have one size, so small ones take several. Each claims the room of those before it as its
 * own reservoir: a decoder keeps for the next frame only what this one could reach.
 */
function freeFormatPrimer(header: FrameHeader, size: number, needed: Uint8Array): Uint8Array {
  const offset = mainDataOffset(header);
  const room = size - offset;
  if (room <= 0) return EMPTY;
  const count = Math.ceil(needed.length / room);
  const primer = new Uint8Array(count * size);
  for (let i = 0; i < count; i++) {
    primer.set(encodeHeader(header), i * size);
    setMainDataBegin(primer, { at: i * size + HEADER_BYTES, header, begin: i * room });
    const end = needed.length - (count - 1 - i) * room;
    const part = needed.subarray(Math.max(0, end - room), end);
    primer.set(part, (i + 1) * size - part.length);
  }
  return primer;
}
