import { createMp3Encoder } from "wasm-media-encoders";

/** Bitrates that LAME takes here, kb/s; MPEG-2 and 2.5 have those up to 160. */
const BITRATES = [8, 16, 24, 32, 40, 48, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320] as const;
const SAMPLE_RATES = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] as const;

/** Samples that LAME puts before the sound (`ENCDELAY` of its encoder.h). It writes no Info frame here that would say so. */
export const LAME_DELAY = 576;

export interface Encoder {
  /** Samples from -1 to 1, one array a channel. The bytes are the caller's; a frame may be cut in two. */
  encode(channelData: readonly Float32Array[]): Uint8Array;
  /** What is left. */
  finish(): Uint8Array;
}

/** LAME at a constant bitrate; below 256 kb/s it takes up to half a decibel off, so as not to clip. Throws RangeError for a rate or bitrate that MP3 lacks. */
export async function openEncoder(options: {
  readonly sampleRate: number;
  readonly channels: 1 | 2;
  readonly kbps: number;
}): Promise<Encoder> {
  const bitrate = BITRATES.find((kbps) => kbps === options.kbps);
  const outputSampleRate = SAMPLE_RATES.find((rate) => rate === options.sampleRate);
  if (!bitrate || !outputSampleRate || (outputSampleRate < 32_000 && bitrate > 160)) {
    throw new RangeError(`MP3 has no ${options.kbps} kb/s at ${options.sampleRate} Hz`);
  }
  const lame = await createMp3Encoder();
  const { sampleRate, channels } = options;
  lame.configure({ sampleRate, channels, bitrate, outputSampleRate });
  return {
    encode: (channelData) => lame.encode(channelData).slice(),
    finish: () => lame.finalize().slice(),
  };
}
