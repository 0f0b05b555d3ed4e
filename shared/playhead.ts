import type { FrameSpan } from "./codec/codec.ts";
import { comparePosition, durationMs, type Position, type SegmentRef } from "./segment.ts";

/**
 * Where a listener is in a mount's window, and where it goes next. Pure: the window is an argument, so is the age
 * of its live edge.
 */

/** A place to begin: a segment of the window and how far into it, ms. */
export interface JoinPoint {
  readonly segment: SegmentRef;
  readonly offsetMs: number;
}

export interface JoinWish {
  /** How long ago the newest segment was announced, ms: live has moved on by that much, up to one segment. */
  readonly edgeAgeMs: number;
  /** How far behind live to begin, ms. */
  readonly behindMs: number;
  /** At least this many bytes at once, even when that is further behind: what some players want before they start. */
  readonly leastBytes: number;
}

/**
 * The join point for a wish; null when the window is empty or the wish lies beyond the live edge (then the next
 * segment is the place). A window shorter than the wish begins at its first segment.
 *
 * Live is taken to be `edgeAgeMs` past the window's end, for a source in real time sends while its segment is still
 * open. Beginning a fixed time behind *live*, not behind the edge, is what keeps every joiner equally far behind, with
 * `behindMs` less one segment in hand at the worst moment.
 */
export function joinPoint(window: readonly SegmentRef[], wish: JoinWish): JoinPoint | null {
  const newest = window.at(-1);
  if (!newest) return null;
  let backMs = wish.behindMs - Math.min(wish.edgeAgeMs, durationMs(newest));
  let backBytes = wish.leastBytes;
  if (backMs <= 0 && backBytes <= 0) return null;
  for (const segment of window.toReversed()) {
    const ms = durationMs(segment);
    if (backMs <= ms && backBytes <= segment.bytes) {
      const neededMs = Math.max(backMs, (backBytes / segment.bytes) * ms, 0);
      return { segment, offsetMs: Math.max(0, ms - neededMs) };
    }
    backMs -= ms;
    backBytes -= segment.bytes;
  }
  const oldest = window[0];
  return oldest ? { segment: oldest, offsetMs: 0 } : null;
}

/** Index of the last frame that begins at or before `offsetMs`. */
export function frameAt(frames: readonly FrameSpan[], offsetMs: number, sampleRate: number): number {
  let samples = 0;
  for (const [index, frame] of frames.entries()) {
    samples += frame.samples;
    if (samples * 1000 > offsetMs * sampleRate) return index;
  }
  return Math.max(0, frames.length - 1);
}

export type Step =
  /** Nothing newer yet. */
  | { readonly kind: "wait" }
  /** The segment right after the position: its first frame continues the stream. */
  | { readonly kind: "follow"; readonly segment: SegmentRef }
  /** A new epoch: nothing lost, but the first frame does not continue the stream. */
  | { readonly kind: "splice"; readonly segment: SegmentRef }
  /** Segments between are missing from the broadcast: the first frame does not continue the stream. */
  | { readonly kind: "gap"; readonly segment: SegmentRef }
  /** The listener is not in the window (it fell out, or the window was lost): it joins anew, near the live edge. */
  | { readonly kind: "lagged" };

/** What plays after `position` (null: the window's first segment). */
export function stepAfter(window: readonly SegmentRef[], position: Position | null): Step {
  // From the end, for nearly everybody is near the live edge.
  const index = position ? window.findLastIndex((segment) => comparePosition(segment, position) <= 0) + 1 : 0;
  const segment = window[index];
  if (!segment) {
    const newest = window.at(-1);
    const isAhead = newest && position && comparePosition(newest, position) < 0;
    return { kind: isAhead ? "lagged" : "wait" };
  }
  if (!position) return { kind: "splice", segment };
  if (segment.epoch === position.epoch && segment.sequence === position.sequence + 1) {
    return { kind: "follow", segment };
  }
  if (segment.epoch !== position.epoch && segment.sequence === 0) return { kind: "splice", segment };
  return index === 0 ? { kind: "lagged" } : { kind: "gap", segment };
}
