import type { Title } from "../../shared/mount-state.ts";
import { segmentKey } from "../../shared/object-format.ts";
import { onAirAt } from "../../shared/on-air.ts";
import { stepAfter } from "../../shared/playhead.ts";
import { comparePosition, type SegmentRef } from "../../shared/segment.ts";
import { millis, type MountPath } from "../../shared/units.ts";
import type { ArchivedSegment } from "../archive/archived-segment.ts";
import type { ArchiveReader } from "../archive/reader.ts";
import type { Host, MountFeed } from "../mount-feed.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import { titleSearchMs } from "./limits.ts";

/** The live edge of a mount, as its feed has it. */
type LiveEdge = Pick<
  MountFeed,
  "mount" | "phase" | "isCertain" | "window" | "titleBefore" | "refresh" | "segment"
>;
type Archive = Pick<
  ArchiveReader,
  "pieceAt" | "pieceAfter" | "pieces" | "broadcasts" | "earliestMs" | "load"
>;

/** A segment that was on air, and how far into it, ms. */
export interface PastPlace {
  readonly segment: SegmentRef;
  readonly offsetMs: number;
}

/**
 * What a mount sent, wherever it is: its archive, which may be some seconds late, and the window of its feed, a minute long. Calls
 * that need the archive throw when it cannot be asked.
 */
export class Past {
  readonly #edge: LiveEdge;
  readonly #archive: Archive;

  constructor(edge: LiveEdge, archive: Archive) {
    this.#edge = edge;
    this.#archive = archive;
  }

  get mount(): MountPath {
    return this.#edge.mount;
  }

  /** What was on air then, or began next; null when that is not in storage yet. */
  async placeAt(atMs: number, host: Host): Promise<PastPlace | null> {
    const { window, mount } = this.#edge;
    const recent = onAirAt(window, atMs);
    if (window[0] && window[0].startMs <= atMs) return recent;
    const kept = await this.#archive.pieceAt(mount, atMs, host);
    if (kept && recent && recent.segment.startMs < kept.segment.startMs) return recent;
    return kept ?? recent;
  }

  /** The next in order of play; null when there is none yet. */
  async after(segment: SegmentRef, host: Host): Promise<SegmentRef | null> {
    const recent = this.recentAfter(segment);
    if (recent) return recent;
    const kept = await this.#archive.pieceAfter(this.#edge.mount, this.#archived(segment), host);
    if (kept) return kept;
    await this.#edge.refresh(host);
    return this.recentAfter(segment);
  }

  /** At once, where the live window is known to go on from a segment. */
  recentAfter(segment: SegmentRef): SegmentRef | null {
    const { window } = this.#edge;
    const step = stepAfter(window, segment);
    if (step.kind === "follow") return step.segment;
    if (step.kind === "wait" || step.kind === "lagged") return null;
    // A gap is one only where there is nothing before it that the window has lost.
    return window[0] && comparePosition(window[0], segment) <= 0 ? step.segment : null;
  }

  /** The first of the live window that plays after a segment, whatever may be between them. */
  laterThan(segment: SegmentRef): SegmentRef | null {
    return this.#edge.window.find((other) => comparePosition(other, segment) > 0) ?? null;
  }

  /** Title in force before a segment's first sample; null when there is none, or the archive does not say. */
  async titleBefore(segment: SegmentRef, host: Host): Promise<Title | null> {
    const { window, mount, titleBefore } = this.#edge;
    const isRecent = window.some((other) => comparePosition(other, segment) === 0);
    const recent = isRecent ? lastTitle(window, segment) : null;
    if (recent || (isRecent && titleBefore)) return recent ?? titleBefore;
    const { startMs, epoch } = segment;
    const filter = { fromMs: startMs, toMs: millis(startMs + 1), limit: 10 };
    const { broadcasts } = await this.#archive.broadcasts(mount, filter, host);
    const broadcast = broadcasts.find(({ epochs }) => epochs.includes(epoch));
    if (!broadcast) return null;
    // Segments of two epochs, or of a source that runs ahead, overlap by the wall clock: near the moment only their order counts.
    const near: SegmentRef[] = [];
    for await (const piece of this.#archive.pieces(mount, startMs - titleSearchMs, startMs + 1, host)) {
      if (comparePosition(piece, segment) >= 0) break;
      if (broadcast.epochs.includes(piece.epoch)) near.push(piece);
    }
    return lastTitle(near, segment) ?? broadcast.titles.findLast(({ wallMs }) => wallMs <= startMs) ?? null;
  }

  /** When the oldest segment began; null when there is none. */
  async earliestMs(host: Host): Promise<number | null> {
    const oldest = this.#edge.window[0]?.startMs;
    const kept = await this.#archive.earliestMs(this.#edge.mount, host);
    return kept === null ? (oldest ?? null) : Math.min(kept, oldest ?? kept);
  }

  load(segment: SegmentRef, host: Host): LoadedSegment | Promise<LoadedSegment | null> {
    return this.#archive.load(this.#edge.mount, this.#archived(segment), host);
  }

  /** What the live window has is an object of its own. */
  #archived(segment: SegmentRef): ArchivedSegment {
    if ("stored" in segment) return segment as ArchivedSegment;
    const key = segmentKey(this.#edge.mount, segment);
    return { ...segment, stored: { key, offset: 0, isChunk: false, lead: 0 } };
  }
}

function lastTitle(segments: readonly SegmentRef[], before: SegmentRef): Title | null {
  const found = segments.findLast(
    (segment) => comparePosition(segment, before) < 0 && segment.titles.length > 0,
  );
  return found?.titles.at(-1) ?? null;
}
