import { spawnSync } from "node:child_process";
import { MPEGDecoder } from "mpg123-decoder";

/** PCM of every channel and what the decoder had to say. */
export interface Decoded {
  readonly channels: readonly Float32Array[];
  readonly samples: number;
  readonly sampleRate: number;
  /** Complaints, one each; empty when the decoder found nothing wrong. */
  readonly complaints: readonly string[];
}

export type Decode = (bytes: Uint8Array) => Promise<Decoded>;

/** mpg123 compiled to WebAssembly: Layers I to III, but not free format. Gapless trimming is off: all samples count. */
export async function openMpg123Wasm(): Promise<Decode> {
  const decoder = new MPEGDecoder({ enableGapless: false });
  await decoder.ready;
  return async (bytes) => {
    await decoder.reset();
    const { channelData, samplesDecoded, sampleRate, errors } = decoder.decode(bytes);
    return {
      channels: channelData,
      samples: samplesDecoded,
      sampleRate,
      complaints: errors.map((error) => error.message),
    };
  };
}

/** The mpg123 program of the system. */
export const decodeWithMpg123: Decode = (bytes) => {
  const args = ["-q", "--no-gapless", "--stereo", "-e", "f32", "-s", "-"];
  const { stdout, stderr } = spawnSync("mpg123", args, { input: bytes, maxBuffer: 1 << 28 });
  const pcm = new Float32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
  const samples = pcm.length / 2;
  return Promise.resolve({
    channels: [0, 1].map((channel) =>
      Float32Array.from({ length: samples }, (_, i) => pcm[i * 2 + channel] ?? 0),
    ),
    samples,
    sampleRate: 0,
    complaints: lines(stderr),
  });
};

/**
 * What the decoders of ffmpeg and mpg123 complain about when they decode `bytes` from a pipe. Both are asked to be
 * talkative: a frame whose reservoir is missing is worth an "overread" in ffmpeg's verbose log, and nothing above it.
 */
export function complaintsOfPrograms(bytes: Uint8Array): string[] {
  const complaints = (command: string, args: readonly string[], complaint: RegExp): string[] => {
    const { status, stderr, error } = spawnSync(command, args, { input: bytes, maxBuffer: 1 << 28 });
    if (error) throw error;
    return [...lines(stderr), ...(status === 0 ? [] : [`exit status ${status}`])]
      .filter((line) => complaint.test(line) && !line.includes("Skipping 0 bytes of junk"))
      .map((line) => `${command}: ${line}`);
  };
  return [
    ...complaints(
      "ffmpeg",
      ["-v", "verbose", "-f", "mp3", "-i", "-", "-f", "null", "-"],
      /^\[mp|^Error|^exit/,
    ),
    ...complaints("mpg123", ["-v", "-t", "-"], /error|warning|note|illegal|resync|skipped|^exit/i),
  ];
}

const lines = (output: Buffer): string[] =>
  output
    .toString()
    .split(/[\r\n]/)
    .filter((line) => line.trim() !== "");

/** The largest difference of two stretches, in units of a 16-bit sample. */
export function largestDifference(
  a: Decoded,
  aFrom: number,
  b: Decoded,
  bFrom: number,
  count: number,
): number {
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
