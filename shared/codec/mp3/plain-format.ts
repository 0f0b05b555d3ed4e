import { formatOf } from "./format.ts";
import { bitratesOf, encodeHeader, type FrameHeader, frameSize, samplesPerFrame } from "./header.ts";

/** What there is of a format when it is Layer III and no frame of it is at hand. */
export interface PlainFormat {
  /** As `FrameFormat.key`. */
  readonly key: string;
  readonly samplesPerFrame: number;
  /** A whole frame of silence, of this bitrate or the next lower one that the format has. */
  readonly silence: Uint8Array;
}

/** Throws RangeError for a sample rate that MP3 has not. */
export function plainFormat(
  { sampleRate, channels }: { readonly sampleRate: number; readonly channels: 1 | 2 },
  bitrateKbps: number,
): PlainFormat {
  const version = sampleRate >= 32_000 ? "mpeg1" : sampleRate >= 16_000 ? "mpeg2" : "mpeg2.5";
  const bitrates = bitratesOf({ version, layer: 3 }).slice(1);
  const header: FrameHeader = {
    version,
    layer: 3,
    crc: false,
    bitrateKbps: bitrates.findLast((each) => each <= bitrateKbps) ?? bitrates[0] ?? 0,
    sampleRate,
    padding: false,
    privateBit: false,
    channelMode: channels === 1 ? "mono" : "stereo",
    modeExtension: 0,
    copyright: false,
    original: true,
    emphasis: "none",
  };
  const silence = new Uint8Array(frameSize(header));
  silence.set(encodeHeader(header));
  return { key: formatOf(header, 0).key, samplesPerFrame: samplesPerFrame(header), silence };
}
