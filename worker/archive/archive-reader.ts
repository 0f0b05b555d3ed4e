import { segmentKey } from "../../shared/object-format.ts";
import { onAirAt } from "../../shared/on-air.ts";
import { comparePosition } from "../../shared/segment.ts";
import type { MountPath } from "../../shared/units.ts";
import { type Host, loadSegment, segmentInMemory } from "../mount-feed.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import { settledWithin } from "../settled-within.ts";
import type { ArchiveObject } from "./archive-object.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { IndexPages } from "./index-pages.ts";
import { archiveReadTimeoutMs, pageMs } from "./limits.ts";
import { readStored } from "./read-stored.ts";
import { type ArchiveReader, continues } from "./reader.ts";

/** This isolate's. */
const pages = new IndexPages();

const pageOf = (atMs: number): number => Math.floor(atMs / pageMs);

/** The archives of all mounts as this isolate's requests see them. */
export const archive: ArchiveReader = {
  broadcasts: (mount, filter, host) => ask(mount, host, (object) => object.broadcasts(mount, filter)),
  broadcast: (mount, which, host) => ask(mount, host, (object) => object.broadcast(mount, which)),
  history: (mount, filter, host) => ask(mount, host, (object) => object.history(mount, filter)),
  primers: (mount, id, host) => ask(mount, host, (object) => object.primers(mount, id)),
  segments: (mount, epoch, from, limit, host) =>
    ask(mount, host, (object) => object.segments(mount, epoch, from, limit)),
  segmentAtByte: (mount, id, byte, host) =>
    ask(mount, host, (object) => object.segmentAtByte(mount, id, byte)),
  earliestMs: (mount, host) => ask(mount, host, (object) => object.earliestMs(mount)),

  async pieceAt(mount, atMs, host) {
    const page = await pages.page(mount, pageOf(atMs), host);
    const found = onAirAt(page.segments, atMs);
    if (found) return found;
    return page.next && { segment: page.next, offsetMs: 0 };
  },

  pieceAfter,

  async *pieces(mount, fromMs, toMs, host) {
    const first = await archive.pieceAt(mount, fromMs, host);
    for (let at = first?.segment ?? null; at && at.startMs < toMs; at = await pieceAfter(mount, at, host))
      yield at;
  },

  load,
};

async function pieceAfter(
  mount: MountPath,
  segment: ArchivedSegment,
  host: Host,
): Promise<ArchivedSegment | null> {
  // It begins where this one ends, or soon after: in the same page, nearly always.
  for (const number of [pageOf(segment.startMs), pageOf(segment.startMs) + 1]) {
    const page = await pages.page(mount, number, host);
    const next = page.segments.find((other) => comparePosition(other, segment) > 0);
    if (next && continues(segment, next)) return next;
    if (next) break;
  }
  return ask(mount, host, (object) =>
    object.after(mount, { epoch: segment.epoch, sequence: segment.sequence }),
  );
}

function load(
  mount: MountPath,
  segment: ArchivedSegment,
  host: Host,
): LoadedSegment | Promise<LoadedSegment | null> {
  // The name that it has among the live ones, so that it is read once for all.
  const key = segmentKey(mount, segment);
  const known = segmentInMemory(key);
  if (known) return known;
  const { epoch, sequence } = segment;
  const before =
    sequence > 0
      ? segmentInMemory(segmentKey(mount, { epoch, sequence: (sequence - 1) as typeof sequence }))
      : undefined;
  return loadSegment(key, segment, host, async () => {
    const object = await readStored(segment, host, before?.body);
    if (object) return object;
    // Compaction may have moved it since its page was read.
    const page = await pages.page(mount, pageOf(segment.startMs), host, true);
    const moved = page.segments.find((other) => comparePosition(other, segment) === 0);
    return moved && moved.stored.key !== segment.stored.key ? readStored(moved, host, before?.body) : null;
  });
}

/** Throws when there is no answer in time. */
async function ask<Answer>(
  mount: MountPath,
  host: Host,
  call: (object: DurableObjectStub<ArchiveObject>) => Promise<Answer>,
): Promise<Answer> {
  const answered = call(host.env.ARCHIVE.getByName(mount)).then((value) => ({ value }));
  const answer = await settledWithin(answered, archiveReadTimeoutMs);
  if (!answer) throw new Error(`the archive of ${mount} does not answer`);
  return answer.value;
}
