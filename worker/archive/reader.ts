import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import type { Broadcast } from "../../shared/broadcast.ts";
import type { Position } from "../../shared/segment.ts";
import type { Epoch, Millis, MountPath, Sequence } from "../../shared/units.ts";
import type { HistoryFilter, HistoryPage } from "../history/song-history.ts";
import type { Host } from "../mount-feed.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import type { ArchivedSegment } from "./archived-segment.ts";

/** A broadcast under its name: unique in the mount, and the same as long as the broadcast is kept. */
export interface NamedBroadcast extends Broadcast {
  readonly name: string;
}
export interface BroadcastFilter {
  /** Broadcasts that have audio from then on... */
  readonly fromMs?: Millis;
  /** ...and before then. */
  readonly toMs?: Millis;
  /** At most 100. */
  readonly limit?: number;
  /** Of the page before. */
  readonly cursor?: string;
}
/** Newest first; `cursor` null on the last page. */
export interface BroadcastPage {
  readonly broadcasts: readonly NamedBroadcast[];
  readonly cursor: string | null;
}

/** A place in the archive: a segment and how far into it, ms. */
interface ArchivePlace {
  readonly segment: ArchivedSegment;
  readonly offsetMs: number;
}

/**
 * Bytes that go before a segment which does not continue what is before it in its broadcast: silent frames, mostly one.
 * They are the same each time.
 */
export interface Primer extends Position {
  readonly bytes: Uint8Array;
  /** Samples per channel that they add, at the segment's rate. */
  readonly samples: number;
}

/** What the archive of a mount offers in this isolate. Every call throws when the archive cannot be asked. */
export interface ArchiveReader {
  broadcasts(mount: MountPath, filter: BroadcastFilter, host: Host): Promise<BroadcastPage>;
  /** By its id or its name; null when there is none. */
  broadcast(mount: MountPath, which: Epoch | string, host: Host): Promise<NamedBroadcast | null>;
  /** What was played, also when its audio is not kept any more. */
  history(mount: MountPath, filter: HistoryFilter, host: Host): Promise<HistoryPage>;
  /** Before each of its joins, in order; those that are empty are left out. */
  primers(mount: MountPath, id: Epoch, host: Host): Promise<readonly Primer[]>;
  /** Segments of one epoch from a sequence on, in order of play, at most `limit` (1,000). Not cached. */
  segments(
    mount: MountPath,
    epoch: Epoch,
    from: Sequence,
    limit: number,
    host: Host,
  ): Promise<readonly ArchivedSegment[]>;
  /** The segment of a broadcast with its byte `byte`, counted without primers, and the bytes before the segment; null beyond its end. */
  segmentAtByte(
    mount: MountPath,
    id: Epoch,
    byte: number,
    host: Host,
  ): Promise<{ readonly segment: ArchivedSegment; readonly bytesBefore: number } | null>;
  /** What was on air then (`shared/on-air.ts`), or else begins next; null when nothing does yet. */
  pieceAt(mount: MountPath, atMs: number, host: Host): Promise<ArchivePlace | null>;
  /** The next in order of play; null at the live edge. May be a few seconds late there. */
  pieceAfter(mount: MountPath, segment: ArchivedSegment, host: Host): Promise<ArchivedSegment | null>;
  /** In order of play, from the one on air at `fromMs` to the last that begins before `toMs`. */
  pieces(mount: MountPath, fromMs: number, toMs: number, host: Host): AsyncGenerator<ArchivedSegment>;
  /** Its bytes, read once in this isolate; null when storage does not have it. */
  load(mount: MountPath, segment: ArchivedSegment, host: Host): LoadedSegment | Promise<LoadedSegment | null>;
  /** When the oldest segment began; null when there is none. */
  earliestMs(mount: MountPath, host: Host): Promise<Millis | null>;
}

/** Whether a segment goes on where another ends: then nothing need be between them. */
export const continues = (before: Position, { epoch, sequence }: Position): boolean =>
  epoch === before.epoch && sequence === before.sequence + 1;

/**
 * What goes before a segment's frame `index` when what was played before is `previous` (null: nothing): nothing where it
 * continues, else its primer.
 */
export function joinOf(previous: Position | null, segment: LoadedSegment, index = 0): Uint8Array {
  if (index === 0 && previous && continues(previous, segment.ref)) return new Uint8Array(0);
  return mp3.primer(segment.body, segment.frames, index, segment.reservoir);
}
