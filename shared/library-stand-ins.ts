import type { LibraryTrack } from "./library.ts";
import { seedOf } from "./library-rotation.ts";
import type { LibraryPlay } from "./library-span.ts";
import type { SegmentRef } from "./segment.ts";

/**
 * What is heard in place of a track that storage has lost: others of its format, at most `count` of them, in an order that is
 * another for each play and the same everywhere. When the next play begins changes nothing.
 */
export function standIns(
  { track, span, sampleRate, channels, epoch }: LibraryPlay,
  count: number,
): LibraryTrack[] {
  const { edition } = span;
  const { tracks } = edition;
  const found: LibraryTrack[] = [];
  const first = seedOf(edition.seed, 3, Math.floor(epoch / 1_000)) % tracks.length;
  for (let step = 0; step < tracks.length && found.length < count; step++) {
    const other = tracks[(first + step) % tracks.length];
    if (!other || other.id === track.id) continue;
    const isAlike =
      (other.sampleRate ?? edition.sampleRate) === sampleRate &&
      (other.channels ?? edition.channels) === channels;
    if (isAlike) found.push(other);
  }
  return found;
}

/** A track with the segments that storage has of it. */
export interface StoredTrack {
  readonly track: LibraryTrack;
  readonly segments: readonly SegmentRef[];
}

/** What is heard of a track in a play: all of the play's own. */
export interface StoredPiece extends StoredTrack {
  /** From the play's first sample. */
  readonly fromSample: number;
}

/** Fills so many samples with whole segments of tracks, one after the other and again from the first; `mostPieces` at most. */
export function piecesFor(samples: number, tracks: readonly StoredTrack[]): StoredPiece[] {
  const pieces: StoredPiece[] = [];
  for (let filled = 0; filled < samples && pieces.length < mostPieces; ) {
    const next = tracks[pieces.length % tracks.length];
    const segments =
      next?.segments.filter((each) => filled + each.firstSample + each.samples <= samples) ?? [];
    if (!next || segments.length === 0) break;
    pieces.push({ track: next.track, segments, fromSample: filled });
    if (segments.length < next.segments.length) break;
    filled += next.track.samples;
  }
  return pieces;
}

/** Ten hours of short tracks. */
const mostPieces = 1_000;
