import type { FrameFormat } from "../../../shared/codec/codec.ts";
import { Mp3FrameParser } from "../../../shared/codec/mp3/frame-parser.ts";
import { decodeHeader } from "../../../shared/codec/mp3/header.ts";
import type { InfoFrame } from "../../../shared/codec/mp3/lame-tag.ts";
import { MainDataLedger } from "../../../shared/codec/mp3/main-data.ts";
import { maxGarbageBytes, minAudioShare, minWholeShare, scanPieceBytes, strayShare } from "./limits.ts";
import type { Pace } from "./pace.ts";
import type { TrackBytes } from "./track-bytes.ts";

/** What of a file are frames. */
export interface FrameScan {
  /** That of most frames. */
  readonly format: FrameFormat;
  readonly layer: 1 | 2 | 3;
  readonly samplesPerFrame: number;
  /** Frames of that format. Others, of which there are few, are damage and count as none. */
  readonly frames: number;
  /** Bytes of those frames. */
  readonly frameBytes: number;
  readonly info: InfoFrame | undefined;
}

interface Tally {
  readonly format: FrameFormat;
  readonly layer: 1 | 2 | 3;
  readonly samplesPerFrame: number;
  frames: number;
  bytes: number;
  /** Frames whose data is all there. */
  whole: number;
  readonly ledger: MainDataLedger;
  /** Ms of audio of all formats before its first frame. */
  readonly sinceMs: number;
}

/** Counts the frames of a whole file; where it is no such file, why: a reason as in `Analysis`, or null when it holds no frame. */
export async function scanFrames(file: TrackBytes, pace: Pace): Promise<FrameScan | string | null> {
  const parser = new Mp3FrameParser();
  const tallies = new Map<string, Tally>();
  let last: Tally | undefined;
  let ms = 0;
  const take = (frames: ReturnType<Mp3FrameParser["push"]>): void => {
    for (const { bytes, samples, format, gap } of frames) {
      if (last?.format.key !== format.key) {
        last = tallies.get(format.key) ?? {
          format,
          layer: decodeHeader(bytes).layer,
          samplesPerFrame: samples,
          frames: 0,
          bytes: 0,
          whole: 0,
          ledger: new MainDataLedger(0),
          sinceMs: ms,
        };
        tallies.set(format.key, last);
      }
      last.frames++;
      last.bytes += bytes.length;
      if (last.ledger.take(bytes, gap !== null).whole) last.whole++;
      ms += (samples * 1000) / format.sampleRate;
    }
  };
  let garbageBefore = 0;
  for (const piece of file.pieces(0, file.size, scanPieceBytes)) {
    const frames = parser.push(piece);
    take(frames);
    const { garbageBytes } = parser.counts;
    if (garbageBytes - garbageBefore > maxGarbageBytes)
      return "has megabytes in a row that are no MPEG audio";
    if (frames.length > 0) garbageBefore = garbageBytes;
    await pace();
  }
  take(parser.flush());
  const most = [...tallies.values()].toSorted((a, b) => playedMs(b) - playedMs(a))[0];
  if (!most) return null;
  const { garbageBytes, infoBytes } = parser.counts;
  if (most.bytes + infoBytes < (most.bytes + infoBytes + garbageBytes) * minAudioShare) {
    return `is mostly not MPEG audio: ${most.bytes} bytes of ${file.size} are`;
  }
  if (most.whole < most.frames * minWholeShare) {
    return `cannot be decoded: ${most.frames - most.whole} of its ${most.frames} frames are damaged`;
  }
  if (ms - playedMs(most) > ms * strayShare) return changeOf([...tallies.values()]);
  const { format, layer, samplesPerFrame, frames, bytes } = most;
  return { format, layer, samplesPerFrame, frames, frameBytes: bytes, info: parser.info };
}

const playedMs = ({ frames, samplesPerFrame, format }: Tally): number =>
  (frames * samplesPerFrame * 1000) / format.sampleRate;

/** In words, of the formats that last for more than what damage looks like. */
function changeOf(tallies: readonly Tally[]): string {
  const totalMs = tallies.reduce((sum, tally) => sum + playedMs(tally), 0);
  const [first, second] = tallies
    .filter((tally) => playedMs(tally) > totalMs * strayShare)
    .toSorted((a, b) => a.sinceMs - b.sinceMs);
  if (!first || !second) return "changes its format again and again";
  const seconds = Math.floor(second.sinceMs / 1000);
  const at = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  return `changes at ${at} from ${first.format.description} to ${second.format.description}`;
}
