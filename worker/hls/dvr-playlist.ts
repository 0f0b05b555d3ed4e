import { type MediaItem, mediaPlaylist } from "../../shared/hls-playlist.ts";
import { durationMs, type SegmentRef } from "../../shared/segment.ts";
import type { MountPath } from "../../shared/units.ts";
import { archive } from "../archive/archive-reader.ts";
import { continues } from "../archive/reader.ts";
import type { Host } from "../mount-feed.ts";
import { segmentsName } from "./hls-path.ts";
import { dvrSegments, dvrSlotMs, maxDvrMs } from "./limits.ts";

/** Segments that are one entry: they follow each other and begin in the same slot of their epoch's media time. */
interface Group {
  readonly segments: readonly SegmentRef[];
  readonly isBreak: boolean;
}

/**
 * A mount's archive from a moment on as a playlist that only ever grows, numbered from there: what is on air is in it as soon as its
 * slot is full. `suffix` goes behind the address of every entry.
 */
export async function dvrPlaylist(
  mount: MountPath,
  fromMs: number,
  {
    targetSeconds,
    suffix,
    nowMs,
  }: { readonly targetSeconds: number; readonly suffix: string; readonly nowMs: number },
  host: Host,
): Promise<string> {
  const items: MediaItem[] = [];
  // Who has been here for longer has played the beginning; what follows is as far as this playlist goes.
  const untilMs = Math.min(nowMs, fromMs + 2 * maxDvrMs);
  let title = "";
  let beginsMs = 0;
  for await (const { segments, isBreak } of groups(archive.pieces(mount, fromMs, untilMs, host))) {
    const [first, last] = [segments[0], segments.at(-1)];
    if (!first || !last) continue;
    if (isBreak || items.length === 0) beginsMs = first.startMs;
    const ms = segments.reduce((sum, segment) => sum + durationMs(segment), 0);
    const name = segmentsName({ epoch: first.epoch, first: first.sequence, last: last.sequence }, isBreak);
    title = first.titles[0]?.text ?? title;
    items.push({
      url: name + suffix,
      title,
      durationMs: ms,
      isBreak: isBreak && items.length > 0,
      startMs: beginsMs,
    });
    title = segments.findLast(({ titles }) => titles.length > 0)?.titles.at(-1)?.text ?? title;
    beginsMs += ms;
  }
  return mediaPlaylist({
    targetSeconds: dvrTargetSeconds(targetSeconds),
    mediaSequence: 0,
    discontinuitySequence: 0,
    type: "EVENT",
    startSeconds: 0,
    isEnded: untilMs < nowMs,
    items,
  });
}

/** A slot, and a segment that begins at its very end. */
export const dvrTargetSeconds = (targetSeconds: number): number => dvrSlotMs / 1000 + targetSeconds;

/** Those that are complete: something has come that is not in them. */
async function* groups(pieces: AsyncIterable<SegmentRef>): AsyncGenerator<Group> {
  let open: SegmentRef[] = [];
  let isBreak = true;
  for await (const piece of pieces) {
    const last = open.at(-1);
    if (last) {
      const follows = continues(last, piece) && isSameFormat(last, piece);
      if (follows && slotOf(last) === slotOf(piece) && open.length < dvrSegments) {
        open.push(piece);
        continue;
      }
      yield { segments: open, isBreak };
      isBreak = !follows;
    }
    open = [piece];
  }
}

const slotOf = ({ firstSample, sampleRate }: SegmentRef): number =>
  Math.floor((firstSample * 1000) / (sampleRate * dvrSlotMs));

const isSameFormat = (a: SegmentRef, b: SegmentRef): boolean =>
  a.sampleRate === b.sampleRate && a.channels === b.channels;
