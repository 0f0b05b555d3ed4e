import { decodeHeader, encodeHeader, type FrameHeader, frameSize } from "./header.ts";

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

const plain: FrameHeader = {
  version: "mpeg1",
  layer: 3,
  crc: false,
  bitrateKbps: 128,
  sampleRate: 44_100,
  padding: false,
  privateBit: false,
  channelMode: "stereo",
  modeExtension: 0,
  copyright: false,
  original: true,
  emphasis: "none",
};

/** A frame of silence of MPEG-1 Layer III, 44.1 kHz, stereo, 128 kb/s. Owned by the caller. */
export function plainSilence(): Uint8Array {
  const silent = new Uint8Array(frameSize(plain));
  silent.set(encodeHeader(plain));
  return silent;
}
