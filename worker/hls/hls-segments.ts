import { concatenate } from "../../shared/concatenate.ts";
import type { Title } from "../../shared/mount-state.ts";
import { segmentKey } from "../../shared/object-format.ts";
import { archive } from "../archive/archive-reader.ts";
import { knownStation } from "../directory.ts";
import { type Host, loadSegment } from "../mount-feed.ts";
import { programmeOf } from "../programme.ts";
import type { LoadedSegment } from "../segment-cache.ts";
import type { HlsView } from "./hls-feed.ts";
import type { HlsPath } from "./hls-path.ts";
import { dvrSegments } from "./limits.ts";
import { packedSegment, packedSilence } from "./packed-segment.ts";

type SegmentsPath = Extract<HlsPath, { readonly kind: "segments" }>;
type EntryPath = Extract<HlsPath, { readonly kind: "entry" }>;

/** Segments of the mount itself: what is on air as the timeline has it, what is older out of the archive. Null: there is none. */
export async function segmentsBytes(
  path: SegmentsPath,
  { timeline }: Pick<HlsView, "timeline">,
  host: Host,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const { mount, epoch, first, last, isPrimed } = path;
  const live = timeline.entries.find(
    ({ content }) =>
      content.kind === "segment" &&
      content.stage === mount &&
      content.ref.epoch === epoch &&
      content.ref.sequence === first,
  );
  if (live?.content.kind === "segment" && last === first) {
    const { ref } = live.content;
    const loaded = await loadSegment(segmentKey(mount, ref), ref, host);
    return loaded && packedSegment(loaded, live.title, isPrimed);
  }
  const count = last - first + 1;
  if (count < 1 || count > dvrSegments) return null;
  const found = await archive.segments(mount, epoch, first, count, host);
  if (found.length !== count || found.some(({ sequence }, index) => sequence !== first + index)) return null;
  const loaded = await Promise.all(found.map(async (segment) => archive.load(mount, segment, host)));
  const parts = loaded.filter((part) => part !== null);
  const [head, ...rest] = parts;
  if (!head || parts.length !== count) return null;
  return concatenate([packedSegment(head, ownTitle(head), isPrimed), ...rest.map(({ body }) => body)]);
}

/** An entry by its number, whatever it is. Null: it is over, or not there yet. */
export async function entryBytes(
  { mount, number }: EntryPath,
  { timeline }: Pick<HlsView, "timeline">,
  host: Host,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const entry = timeline.entries.find((candidate) => candidate.number === number);
  if (!entry) return null;
  const { content, title } = entry;
  if (content.kind === "silence") return packedSilence(content, title);
  const { stages } = programmeOf(mount, knownStation(host.env));
  const stage = stages.find(({ name }) => name === content.stage);
  const loaded = (await stage?.segment(content.ref, host)) ?? null;
  return loaded && packedSegment(loaded, title, content.primerSamples > 0);
}

function ownTitle({ ref }: LoadedSegment): Title | null {
  const first = ref.titles[0];
  return first ? { text: first.text, ...(first.url === undefined ? {} : { url: first.url }) } : null;
}
