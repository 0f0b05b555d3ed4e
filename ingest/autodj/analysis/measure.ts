import { Mp3FrameParser } from "../../../shared/codec/mp3/frame-parser.ts";
import { Decoder, type Sound } from "./decoder.ts";
import type { FrameScan } from "./frame-scan.ts";
import { pieceBytes, probeMs, stretches, stretchMs, wholeMeasureMs } from "./limits.ts";
import { LoudnessMeter } from "./loudness-meter.ts";
import type { Pace } from "./pace.ts";
import type { TrackBytes } from "./track-bytes.ts";

interface Span {
  readonly start: number;
  readonly end: number;
}

export interface Measured {
  /** LUFS; null: is silent. */
  readonly loudnessLufs: number | null;
  readonly peak: number;
  /** Samples that came out of those that the frames promise, 0 to 1. */
  readonly decodedShare: number;
}

/** Loudness and peak of a file, of a long one by evenly spaced stretches. */
export const measure = (file: TrackBytes, scan: FrameScan, pace: Pace): Promise<Measured> =>
  measureSpans(file, scan, measuredSpans(file, scan), pace);

/** As `measure`, of so little that it only tells whether the file can be decoded. */
export const probe = (file: TrackBytes, scan: FrameScan, pace: Pace): Promise<Measured> =>
  measureSpans(file, scan, evenly(file, scan, 1, probeMs), pace);

async function measureSpans(
  file: TrackBytes,
  scan: FrameScan,
  spans: readonly Span[],
  pace: Pace,
): Promise<Measured> {
  const meter = new LoudnessMeter(scan.format.sampleRate, scan.format.channels);
  let decoded = 0;
  let promised = 0;
  for (const span of spans) {
    meter.cut();
    for await (const { sound, frames } of decodeSpan(file, span, scan, pace)) {
      meter.push(sound.channelData.slice(0, scan.format.channels));
      decoded += sound.samples;
      promised += frames * scan.samplesPerFrame;
    }
  }
  return {
    loudnessLufs: meter.integrated(),
    peak: meter.peak,
    decodedShare: promised === 0 ? 0 : decoded / promised,
  };
}

/** The sound of the frames of the file's format within `span`, piece by piece, and of how many frames each is. */
export async function* decodeSpan(
  file: TrackBytes,
  { start, end }: Span,
  { format }: Pick<FrameScan, "format">,
  pace: Pace,
): AsyncGenerator<{ readonly sound: Sound; readonly frames: number }> {
  const parser = new Mp3FrameParser();
  const decoder = await Decoder.open();
  const decode = (frames: ReturnType<Mp3FrameParser["push"]>) => {
    const ours = frames.filter((frame) => frame.format.key === format.key).map(({ bytes }) => bytes);
    return { sound: decoder.decode(ours), frames: ours.length };
  };
  try {
    for (const piece of file.pieces(start, end, pieceBytes)) {
      yield decode(parser.push(piece));
      await pace();
    }
    yield decode(parser.flush());
  } finally {
    decoder.close();
  }
}

const measuredSpans = (file: TrackBytes, scan: FrameScan): readonly Span[] =>
  durationMs(scan) <= wholeMeasureMs
    ? [{ start: 0, end: file.size }]
    : evenly(file, scan, stretches, stretchMs);

/** The middle of each of so many parts of the file. Tags shift them a little. */
function evenly(file: TrackBytes, scan: FrameScan, count: number, ms: number): readonly Span[] {
  const length = Math.ceil((scan.frameBytes * ms) / durationMs(scan));
  return Array.from({ length: count }, (_, i) => {
    const middle = ((i + 0.5) * file.size) / count;
    const start = Math.max(0, Math.floor(middle - length / 2));
    return { start, end: Math.min(file.size, start + length) };
  });
}

const durationMs = ({ frames, samplesPerFrame, format }: FrameScan): number =>
  (frames * samplesPerFrame * 1000) / format.sampleRate;
