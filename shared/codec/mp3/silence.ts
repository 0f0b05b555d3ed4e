import { decodeHeader, encodeHeader } from "./header.ts";

/**
 * A frame of silence with the header of the whole frame `like`, and as long. Owned by the caller. Throws
 * ProtocolError when `like` begins with no header.
 *
 * Zeros after the header are silence in every layer: no bits allocated to any subband in Layers I and II, no main
 * data in Layer III. The frame carries no CRC even if `like` does: decoders take protection frame by frame.
 */
export function silentFrame(like: Uint8Array): Uint8Array {
  const header = decodeHeader(like);
  const silent = new Uint8Array(like.length);
  silent.set(encodeHeader({ ...header, crc: false, modeExtension: 0 }));
  return silent;
}
