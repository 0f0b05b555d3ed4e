import { durationMs, type SegmentRef } from "./segment.ts";

/**
 * What was on air at a moment of the wall clock: the newest frame that the ingest host had. That is, of the segments that
 * had begun and were not over by their length, the last in order of play: a source that runs ahead of real time makes
 * segments overlap, and a clock that was put back makes an hour come twice, of which the later one counts. Where there was
 * nothing, what began next.
 *
 * `segments` in order of play. Null when none was on air or began later.
 */
export function onAirAt<Segment extends SegmentRef>(
  segments: readonly Segment[],
  atMs: number,
): { readonly segment: Segment; readonly offsetMs: number } | null {
  const current = segments.findLast(
    (segment) => segment.startMs <= atMs && atMs < segment.startMs + durationMs(segment),
  );
  if (current) return { segment: current, offsetMs: atMs - current.startMs };
  let next: Segment | null = null;
  for (const segment of segments) {
    if (segment.startMs > atMs && (!next || segment.startMs < next.startMs)) next = segment;
  }
  return next && { segment: next, offsetMs: 0 };
}
