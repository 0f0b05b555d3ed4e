import {
  epochChunksPrefix,
  epochDocumentKey,
  epochSegmentsPrefix,
  parseChunkKey,
} from "../../shared/archive-format.ts";
import type { MountRules } from "../../shared/edge-station.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import { parseSegmentKey } from "../../shared/object-format.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import type { ArchiveIndex } from "./archive-index.ts";
import type { BroadcastList } from "./broadcast-list.ts";
import {
  deleteAtOnce,
  retainBroadcasts,
  retainEveryMs,
  retainNothingEveryMs,
  retainRows,
  wholeBroadcastMs,
  windowEveryMs,
  windowKeptMs,
} from "./limits.ts";
import { pages } from "./listing.ts";
import { wholeEpoch } from "./marks.ts";
import type { NamedBroadcast } from "./reader.ts";

/** What is kept of a mount. */
export interface Retention {
  /** Ms, and bytes; null: for ever, all. */
  readonly ageMs: number | null;
  readonly bytes: number | null;
  /** Whether recordings are to stay whole as long as they are kept. */
  readonly isWhole: boolean;
  /** How often it is looked after. */
  readonly everyMs: number;
}

export function retentionOf(rules: MountRules | undefined): Retention {
  if (rules?.archive === false)
    return { ageMs: windowKeptMs, bytes: null, isWhole: false, everyMs: windowEveryMs };
  const ageMs = rules?.retentionMs ? rules.retentionMs : null;
  const bytes = rules?.retentionBytes ? rules.retentionBytes : null;
  const everyMs = ageMs === null && bytes === null ? retainNothingEveryMs : retainEveryMs;
  return { ageMs, bytes, isWhole: true, everyMs };
}

/**
 * Deletes from the index what is not to be kept any more, the oldest first; what storage has of it is swept afterwards. Returns the
 * epochs that changed. A recording goes as a whole when its end is too old; one that is longer than a day, or on air, from its
 * beginning on.
 */
export function retain(
  mount: MountPath,
  kept: Retention,
  { index, broadcasts }: { readonly index: ArchiveIndex; readonly broadcasts: BroadcastList },
  nowMs: number,
): Epoch[] {
  if (kept.ageMs === null && kept.bytes === null) return [];
  const changed: Epoch[] = [];
  let tooMuch = kept.bytes === null ? 0 : index.bytes - kept.bytes;
  const isOver = (endMs: number, bytes: number, atMs = nowMs): boolean => {
    // What may just be heard stays, however little is to be kept.
    if (endMs > atMs - windowKeptMs) return false;
    const isDue = tooMuch > 0 || (kept.ageMs !== null && endMs <= atMs - kept.ageMs);
    if (isDue) tooMuch -= bytes;
    return isDue;
  };
  for (const broadcast of broadcasts.oldest(mount, retainBroadcasts)) {
    // An ingest host whose clock is slow has its recordings not deleted for that.
    const atLeastMs = Math.max(...broadcast.epochs.map((epoch) => index.facts(epoch)?.facts.claimedMs ?? 0));
    if (kept.isWhole && isShort(broadcast)) {
      if (!isOver(Math.max(broadcast.endMs, atLeastMs), broadcast.bytes)) break;
      for (const epoch of broadcast.epochs) index.deleteBelow(epoch, wholeEpoch);
      changed.push(...broadcast.epochs);
      continue;
    }
    const isGone = broadcast.epochs.every((epoch) => {
      const facts = index.facts(epoch)?.facts;
      const stretch = index.stretch(epoch);
      const claimedMs = facts?.claimedMs ?? 0;
      const isEnded = facts?.end !== null;
      // What is on air ends now, whatever its ingest host's clock says.
      const atMs = isEnded ? nowMs : Math.min(nowMs, stretch?.endMs ?? 0);
      const units = index.units(epoch, retainRows);
      const left = units.find(({ endMs, bytes }) => !isOver(Math.max(endMs, claimedMs), bytes, atMs));
      const endOf = Math.max(-1, ...units.map(({ last }) => last)) + 1;
      const isAll = !left && stretch?.lastSequence === endOf - 1;
      const below = left ? left.first : isAll && isEnded ? wholeEpoch : endOf;
      if (below > (units[0]?.first ?? 0)) {
        index.deleteBelow(epoch, below);
        changed.push(epoch);
      }
      return isAll;
    });
    if (!isGone) break;
  }
  return changed;
}

const isShort = (broadcast: NamedBroadcast): broadcast is NamedBroadcast & { readonly endMs: number } =>
  broadcast.endMs !== null && broadcast.endMs - broadcast.startMs <= wholeBroadcastMs;

/** Deletes what storage has of an epoch below a sequence. Ended anywhere, it can be begun again. */
export async function sweepBelow(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  below: number,
): Promise<void> {
  const prefixes = [epochSegmentsPrefix(mount, epoch), epochChunksPrefix(mount, epoch)];
  for (const prefix of prefixes) {
    for await (const { objects } of pages(bucket, { prefix, limit: deleteAtOnce })) {
      const keys = objects.map(({ key }) => key);
      const doomed = keys.filter((key) => lastOf(key) < below);
      if (doomed.length > 0) await bucket.delete(doomed);
      // Segments are listed in order.
      if (prefix === prefixes[0] && doomed.length < keys.length) break;
    }
  }
  if (below === wholeEpoch) await bucket.delete(epochDocumentKey(mount, epoch));
}

/** The last sequence that is in an object. One of another shape is not ours to delete. */
function lastOf(key: string): number {
  const chunk = parseChunkKey(key);
  if (chunk) return chunk.last;
  try {
    return parseSegmentKey(key).sequence;
  } catch (error) {
    if (error instanceof ProtocolError) return wholeEpoch;
    throw error;
  }
}
