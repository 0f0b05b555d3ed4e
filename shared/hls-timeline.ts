import type { Title } from "./mount-state.ts";
import type { Position, SegmentRef } from "./segment.ts";

/**
 * What the HLS listeners of one mount hear, written down: entries that are numbered one by one and never change. Pure;
 * whoever keeps it stores it after every change, so numbers go on where they were whatever ends meanwhile.
 *
 * Invariants: numbers and `breaksBefore` never fall; entries are numbered without holes; none is longer than the target, which
 * rises only when a segment comes that is.
 */
export interface HlsTimeline {
  readonly format: 1;
  /** Number of the next entry; the first is 0. */
  readonly next: number;
  /** Breaks among the entries that are not kept any more: EXT-X-DISCONTINUITY-SEQUENCE of the oldest that is. */
  readonly breaksBefore: number;
  /** EXT-X-TARGETDURATION, whole seconds. */
  readonly targetSeconds: number;
  /** In order of play. */
  readonly entries: readonly HlsEntry[];
}

export interface HlsEntry extends NewEntry {
  /** Its media sequence number. */
  readonly number: number;
  /** Its first sample does not continue what is before it: EXT-X-DISCONTINUITY. */
  readonly isBreak: boolean;
  /** Wall clock of its first sample, ms since the Unix epoch: counted on from the last break by the samples since. */
  readonly startMs: number;
}

export interface NewEntry {
  readonly content: HlsContent;
  /** With what is sent before its first sample, unrounded. */
  readonly durationMs: number;
  /** In force at its first sample. */
  readonly title: Title | null;
}

export type HlsContent =
  /** A segment of a stage (`name`): the mount itself, or what it falls back to. `primerSamples`: of silence before it, for its first frame to be whole. */
  | {
      readonly kind: "segment";
      readonly stage: string;
      readonly ref: SegmentRef;
      readonly primerSamples: number;
    }
  /** `frames` times one frame of silence, base64url, after `firstSample` samples of silence. */
  | {
      readonly kind: "silence";
      readonly frame: string;
      readonly frames: number;
      readonly samplesPerFrame: number;
      readonly sampleRate: number;
      readonly firstSample: number;
    };

export interface TimelineLimits {
  /** Entries are kept for so much audio, ms: what a playlist shows and as much again, for players that are slow. */
  readonly keptMs: number;
  readonly entries: number;
}

/** A segment's target, ms, is exceeded by a frame at most: 72 ms at 8 kHz. */
const longestFrameMs = 80;

/** EXT-X-TARGETDURATION for segments that are cut at this target: what the longest is when it is rounded. */
export const targetSecondsOf = (segmentMs: number): number =>
  Math.max(1, Math.round((segmentMs + longestFrameMs) / 1000));

export const emptyTimeline = (targetSeconds: number): HlsTimeline => ({
  format: 1,
  next: 0,
  breaksBefore: 0,
  targetSeconds,
  entries: [],
});

/** `startMs`: wall clock of the entry's first sample, which counts where it does not continue the last one. */
export function append(
  timeline: HlsTimeline,
  entry: NewEntry,
  startMs: number,
  limits: TimelineLimits,
): HlsTimeline {
  const last = timeline.entries.at(-1);
  const isBreak = last !== undefined && !continues(last.content, entry.content);
  const endMs = last ? last.startMs + last.durationMs : startMs;
  // Dates never go back: silence may have lasted a little longer than the source was away.
  const begins = isBreak ? Math.max(endMs, startMs) : endMs;
  const numbered: HlsEntry = { ...entry, number: timeline.next, isBreak, startMs: begins };
  const targetSeconds = Math.max(timeline.targetSeconds, Math.round(entry.durationMs / 1000));
  return trimmed(
    { ...timeline, next: timeline.next + 1, targetSeconds, entries: [...timeline.entries, numbered] },
    limits,
  );
}

/** Without its entries: what comes next begins anew, with a number that goes on. */
export function emptied(timeline: HlsTimeline, targetSeconds: number): HlsTimeline {
  const { next, entries } = timeline;
  // One more: the first entry that comes has none before it, and is a break to whoever still has these.
  const breaksBefore = timeline.breaksBefore + countBreaks(entries) + (entries.length > 0 ? 1 : 0);
  return { format: 1, next, breaksBefore, targetSeconds, entries: [] };
}

/** The newest entries that play for `windowMs`, as a timeline of their own. */
export const newestOf = (timeline: HlsTimeline, windowMs: number): HlsTimeline =>
  trimmed(timeline, { keptMs: windowMs, entries: Number.POSITIVE_INFINITY });

/** The position of the last segment of a stage; null when there is none. */
export function lastOf(timeline: HlsTimeline, stage: string): Position | null {
  for (const { content } of timeline.entries.toReversed()) {
    if (content.kind === "segment" && content.stage === stage) return content.ref;
  }
  return null;
}

/** Whether samples go on from one to the next. */
export function continues(before: HlsContent, next: HlsContent): boolean {
  if (before.kind === "silence") {
    return (
      next.kind === "silence" &&
      next.frame === before.frame &&
      next.firstSample === before.firstSample + before.frames * before.samplesPerFrame
    );
  }
  return next.kind === "segment" && next.stage === before.stage && follows(before.ref, next.ref);
}

const follows = (before: SegmentRef, next: SegmentRef): boolean =>
  next.epoch === before.epoch &&
  next.sequence === before.sequence + 1 &&
  next.sampleRate === before.sampleRate &&
  next.channels === before.channels;

function trimmed(timeline: HlsTimeline, { keptMs, entries: most }: TimelineLimits): HlsTimeline {
  const { entries } = timeline;
  let leftMs = entries.reduce((sum, { durationMs }) => sum + durationMs, 0);
  let from = 0;
  for (const { durationMs } of entries) {
    leftMs -= durationMs;
    if (leftMs < keptMs && entries.length - from <= most) break;
    from++;
  }
  if (from === 0) return timeline;
  const breaksBefore = timeline.breaksBefore + countBreaks(entries.slice(0, from));
  return { ...timeline, breaksBefore, entries: entries.slice(from) };
}

const countBreaks = (entries: readonly HlsEntry[]): number =>
  entries.reduce((count, { isBreak }) => count + (isBreak ? 1 : 0), 0);
