import { MPEGDecoder } from "mpg123-decoder";

export interface Pcm {
  readonly channels: readonly Float32Array[];
  readonly samples: number;
  /** What the decoder complained of. */
  readonly errors: readonly string[];
}

/** Decodes whole frames with libmpg123, every frame giving its samples from the first one on. */
export async function decodePcm(mp3: Uint8Array): Promise<Pcm> {
  const decoder = new MPEGDecoder({ enableGapless: false });
  await decoder.ready;
  try {
    const { channelData, samplesDecoded, errors } = decoder.decode(mp3);
    return { channels: channelData, samples: samplesDecoded, errors: errors.map(({ message }) => message) };
  } finally {
    decoder.free();
  }
}

/** The largest difference of two stretches, in units of a 16-bit sample. */
export function largestDifference(a: Pcm, aFrom: number, b: Pcm, bFrom: number, count: number): number {
  let largest = 0;
  for (const [index, channel] of a.channels.entries()) {
    const other = b.channels[index];
    if (!other) return Number.POSITIVE_INFINITY;
    for (let at = 0; at < count; at++) {
      const difference = Math.abs((channel[aFrom + at] ?? 2) - (other[bFrom + at] ?? -2));
      if (difference > largest) largest = difference;
    }
  }
  return largest * 32_768;
}
