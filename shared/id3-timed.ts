import { addressFrame, ascii, frame, tagOfFrames, textFrame } from "./id3.ts";

/**
 * The ID3v2.4 tag before a packed-audio segment of HLS (RFC 8216 §3.4): a PRIV frame that tells the presentation time of
 * its first sample, then the title in force there as TIT2, and its address as WXXX.
 */
export interface TimedTag {
  /** Of the first sample: `timestampOf`. */
  readonly timestamp: number;
  readonly title: { readonly text: string; readonly url?: string } | null;
}

const timestampOwner = "com.apple.streaming.transportStreamTimestamp";
const ticksPerSecond = 90_000;
const timestampPeriod = 2 ** 33;
/** Audio may begin before the first sample of an epoch: no time there is below zero, which would be 26 hours later. */
const originTicks = 10 * ticksPerSecond;

/**
 * 33 bits of a 90 kHz clock after so many samples (negative: before the first, 10 s at most), rounded down: the same
 * for every segment whoever computes it, exact for months.
 */
export function timestampOf(samples: number, sampleRate: number): number {
  const seconds = Math.floor(samples / sampleRate);
  const rest = samples - seconds * sampleRate;
  const ticks = seconds * ticksPerSecond + Math.floor((rest * ticksPerSecond) / sampleRate) + originTicks;
  return ticks % timestampPeriod;
}

export const encodeTimedTag = ({ timestamp, title }: TimedTag): Uint8Array<ArrayBuffer> =>
  tagOfFrames([
    frame("PRIV", [ascii(`${timestampOwner}\0`), bigEndian64(timestamp)]),
    textFrame("TIT2", title?.text),
    addressFrame(title?.url),
  ]);

function bigEndian64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / 2 ** 32));
  view.setUint32(4, value % 2 ** 32);
  return bytes;
}
