import type { Epoch, Millis, SampleCount, Sequence } from "./units.ts";

/** A title (and optional URL) with the sample of its segment at which it begins. */
export interface TitleMark {
  /** Samples from the segment's first sample; 0 to `samples` - 1. */
  readonly atSample: SampleCount;
  /** Display text as set by the source, sanitised for transport: see `title.ts`. Empty clears the title. */
  readonly text: string;
  /** ICY StreamUrl, when the source sent one. */
  readonly url?: string;
}

/** What the mount and the listeners' side know of one segment, without its bytes. */
export interface SegmentRef {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** Wall clock of the ingest host when the first frame was complete, ms since the Unix epoch. */
  readonly startMs: Millis;
  /** Samples of this epoch before this segment: media time that is never summed from rounded parts. */
  readonly firstSample: SampleCount;
  readonly samples: SampleCount;
  readonly sampleRate: number;
  /** Size of the body, bytes. */
  readonly bytes: number;
  /** Absent where whoever cut the segment did not say. */
  readonly channels?: 1 | 2;
  /** In order of `atSample`. */
  readonly titles: readonly TitleMark[];
}

/** An immutable run of whole frames of one format: one object in storage. */
export interface Segment extends SegmentRef {
  readonly body: Uint8Array;
  /** Bytes of earlier frames' data that the first frame may reach back to; empty at the start of an epoch. */
  readonly reservoir: Uint8Array;
}

/** Duration of a run of samples, ms, unrounded. */
export const durationMs = (run: { readonly samples: number; readonly sampleRate: number }): number =>
  (run.samples * 1000) / run.sampleRate;

/** Order of play: by epoch, then by sequence. Negative when `a` plays before `b`. */
export const comparePosition = (a: Position, b: Position): number =>
  a.epoch - b.epoch || a.sequence - b.sequence;

export interface Position {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
}
