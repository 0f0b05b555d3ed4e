import { concatenate } from "./concatenate.ts";

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

const encoder = new TextEncoder();

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

export function encodeTimedTag({ timestamp, title }: TimedTag): Uint8Array<ArrayBuffer> {
  const frames = [frame("PRIV", concatenate([text(`${timestampOwner}\0`), bigEndian64(timestamp)]))];
  if (title && title.text !== "") frames.push(frame("TIT2", concatenate([utf8, text(`${title.text}\0`)])));
  if (title?.url) frames.push(frame("WXXX", concatenate([utf8, text(`\0${title.url}`)])));
  const body = concatenate(frames);
  return concatenate([text("ID3"), Uint8Array.of(4, 0, 0), synchsafe(body.length), body]);
}

/** Encoding of the text that follows. */
const utf8 = Uint8Array.of(3);

const text = (value: string): Uint8Array => encoder.encode(value);

const frame = (id: string, body: Uint8Array): Uint8Array =>
  concatenate([text(id), synchsafe(body.length), Uint8Array.of(0, 0), body]);

/** Seven bits to the byte, so that no tag looks like a frame's sync word. */
const synchsafe = (size: number): Uint8Array =>
  Uint8Array.of((size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127);

function bigEndian64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(value / 2 ** 32));
  view.setUint32(4, value % 2 ** 32);
  return bytes;
}
