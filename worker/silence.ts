import { mp3 } from "../shared/codec/mp3/mp3.ts";
import type { LoadedSegment } from "./segment-cache.ts";

/** Frames of silence to send, and how long they last. */
export interface Silence {
  /** Shared: not to be written to. */
  readonly bytes: Uint8Array;
  readonly audioMs: number;
}

/** One frame of silence and its duration. */
interface SilentFrame {
  readonly bytes: Uint8Array;
  readonly ms: number;
  /** What was made of it last: all who wait for a source are sent pieces of one length. */
  made: Silence | null;
}

const frames = new WeakMap<LoadedSegment, SilentFrame>();
let plain: SilentFrame | undefined;

/** Silence of at least `ms`, whole frames in the format of a segment; of the most common format without one. */
export function silence(like: LoadedSegment | null, ms: number): Silence {
  const frame = like ? frameLike(like) : (plain ??= measured(mp3.plainSilence()));
  const count = Math.ceil(ms / frame.ms);
  const length = count * frame.bytes.length;
  if (frame.made?.bytes.length === length) return frame.made;
  const bytes = new Uint8Array(length);
  for (let index = 0; index < count; index++) bytes.set(frame.bytes, index * frame.bytes.length);
  frame.made = { bytes, audioMs: count * frame.ms };
  return frame.made;
}

function frameLike(segment: LoadedSegment): SilentFrame {
  const known = frames.get(segment);
  if (known) return known;
  const last = segment.frames.at(-1);
  const frame = last
    ? measured(
        mp3.silence(segment.body.subarray(last.offset, last.offset + last.size)),
        segment.ref.sampleRate,
      )
    : measured(mp3.plainSilence());
  frames.set(segment, frame);
  return frame;
}

function measured(bytes: Uint8Array, sampleRate = 44_100): SilentFrame {
  const samples = mp3.indexFrames(bytes)[0]?.samples ?? 1_152;
  return { bytes, ms: (samples * 1000) / sampleRate, made: null };
}
