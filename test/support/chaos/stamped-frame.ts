import { crc32 } from "node:zlib";

/**
 * Frames that say which they are: MPEG-1 Layer III, 128 kb/s, 48 kHz, stereo, 384 bytes, 24 ms of silence. No audio data is
 * declared, so what stands in the data area is free:
 *
 *   | at  | what                                                                       |
 *   |-----|----------------------------------------------------------------------------|
 *   | 0   | header                                                                     |
 *   | 4   | side information: `main_data_begin`, then zeros                            |
 *   | 36  | "SKWC", source (2 bytes), number (4 bytes), filling made of both           |
 *   | 380 | CRC-32 of all before                                                       |
 *
 * Every frame but a connection's first reaches back into the one before, so that a join needs a primer.
 */
const frameBytes = 384;
export const frameMs = 24;

/** What a listener or the archive has in one frame. */
export type FrameKind =
  | { readonly kind: "source"; readonly source: number; readonly number: number; readonly first: boolean }
  /** Nothing but zeros after the header. */
  | { readonly kind: "silence" }
  /** A silent frame that carries data for the one that follows. */
  | { readonly kind: "primer" }
  | { readonly kind: "damaged" };

const header = [0xff, 0xfb, 0x94, 0x00];
const headerBytes = 4;
const dataAt = 36;
const magic = Buffer.from("SKWC");
const sourceAt = dataAt + magic.length;
const numberAt = sourceAt + 2;
const fillingAt = numberAt + 4;
const crcAt = frameBytes - 4;
/** How far a frame reaches back: into the filling and checksum of the one before. */
const reachBytes = 96;

/** Frame `number` of a source; `first` of its connection. */
export function stampedFrame(source: number, number: number, first: boolean): Buffer {
  const frame = Buffer.alloc(frameBytes);
  frame.set(header);
  frame[headerBytes] = first ? 0 : reachBytes >> 1;
  magic.copy(frame, dataAt);
  frame.writeUInt16BE(source, sourceAt);
  frame.writeUInt32BE(number, numberAt);
  let state = (source * 2_654_435_761 + number) >>> 0;
  for (let at = fillingAt; at < crcAt; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // Never a sync word.
    frame[at] = state >>> 25;
  }
  frame.writeUInt32BE(crc32(frame.subarray(0, crcAt)), crcAt);
  return frame;
}

export function readFrame(frame: Buffer): FrameKind {
  const size = frame.length;
  if (size === frameBytes && frame.compare(magic, 0, magic.length, dataAt, dataAt + magic.length) === 0) {
    if (crc32(frame.subarray(0, crcAt)) !== frame.readUInt32BE(crcAt)) return { kind: "damaged" };
    const first = frame[headerBytes] === 0;
    return {
      kind: "source",
      source: frame.readUInt16BE(sourceAt),
      number: frame.readUInt32BE(numberAt),
      first,
    };
  }
  if (!frame.subarray(headerBytes, dataAt).every((byte) => byte === 0)) return { kind: "damaged" };
  return frame.subarray(dataAt).every((byte) => byte === 0) ? { kind: "silence" } : { kind: "primer" };
}

/** Whether a primer ends in what frame `number` reaches back to. */
export function primes(primer: Buffer, source: number, number: number): boolean {
  for (const first of [false, true]) {
    const before = stampedFrame(source, number - 1, first);
    if (primer.subarray(-reachBytes).equals(before.subarray(-reachBytes))) return true;
  }
  return false;
}
