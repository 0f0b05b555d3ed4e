import type { SegmentRef } from "../../shared/segment.ts";

/** A segment with the place where storage keeps it. */
export interface ArchivedSegment extends SegmentRef {
  readonly stored: StoredAt;
}

/** An object of its own, or a range of a chunk. */
interface StoredAt {
  readonly key: string;
  /** Bytes of the object before the segment; a segment's own object has it at 0. */
  readonly offset: number;
  /** Whether the object is a chunk: `bytes` from `offset` on are a part of it, and its metadata is not the segment's. */
  readonly isChunk: boolean;
  /**
   * In a chunk: the size of the segment right before it there, which it continues; 0 where there is none. What its first frame
   * reaches back to is found there, or else in `reservoir`.
   */
  readonly lead: number;
  /** Base64url; only in a chunk, and only where `lead` is 0. */
  readonly reservoir?: string;
}
