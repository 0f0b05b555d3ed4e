import { durationMs } from "../../shared/segment.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { chunkBytes, chunkSegments, chunkSpanMs, holeSettledMs, settleMs } from "./limits.ts";

/** How an epoch is at a moment, ms since the Unix epoch; `overMs`: how long it has been over, null while it is on air. */
export interface EpochNow {
  readonly nowMs: number;
  readonly overMs: number | null;
}

/**
 * What of an epoch makes a chunk: the segments to merge, or when to look again because more belongs with them. Times of segments
 * are the ingest host's: an epoch that is over counts by our own.
 */
export type ChunkPlan =
  | { readonly kind: "merge"; readonly segments: readonly ArchivedSegment[] }
  | { readonly kind: "wait"; readonly ms: number };

/** Of an epoch's segments in order of play from one in an object of its own on: at most `chunkSegments` + 1, all unless there are as many. */
export function planChunk(segments: readonly ArchivedSegment[], { nowMs, overMs }: EpochNow): ChunkPlan {
  const merged: ArchivedSegment[] = [];
  let bytes = 0;
  for (const segment of segments) {
    const [first, before] = [merged[0] ?? segment, merged.at(-1)];
    const spanMs = segment.startMs + durationMs(segment) - first.startMs;
    const isFull =
      merged.length === chunkSegments || bytes + segment.bytes > chunkBytes || spanMs > chunkSpanMs;
    // A clock that was put back begins another.
    const isBack = before !== undefined && segment.startMs < before.startMs;
    if (segment.stored.isChunk || (before && (isFull || isBack))) return { kind: "merge", segments: merged };
    const leftMs = settleMs - (overMs ?? nowMs - (segment.startMs + durationMs(segment)));
    if (leftMs > 0) return { kind: "wait", ms: overMs === null ? chunkSpanMs - spanMs + leftMs : leftMs };
    const isHole = before !== undefined && segment.sequence !== before.sequence + 1;
    const holeMs = holeSettledMs - Math.max(overMs ?? 0, nowMs - segment.startMs);
    // What belongs there may be on its way.
    if (isHole && holeMs > 0) return { kind: "wait", ms: holeMs };
    merged.push(segment);
    bytes += segment.bytes;
  }
  return overMs === null ? { kind: "wait", ms: chunkSpanMs } : { kind: "merge", segments: merged };
}
