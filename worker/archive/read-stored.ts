import { decodeBase64Url } from "../../shared/base64.ts";
import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { encodeSegmentMetadata } from "../../shared/object-format.ts";
import type { StoredObject } from "../data-centre-cache.ts";
import { isolateAsked } from "../isolate-counts.ts";
import type { Host } from "../mount-feed.ts";
import { readBucket } from "../segment-cache.ts";
import type { ArchivedSegment } from "./archived-segment.ts";

/**
 * A segment from wherever storage keeps it, as its own object would have it. Of a chunk the segment before it is read along, for
 * what the first frame reaches back to is in there; `before` is its body where it is known.
 */
export async function readStored(
  segment: ArchivedSegment,
  host: Host,
  before?: Uint8Array,
): Promise<StoredObject | null> {
  const { stored, bytes } = segment;
  if (!stored.isChunk) return readBucket(stored.key, host);
  const lead = before ? 0 : stored.lead;
  isolateAsked.bucketReads++;
  const range = { offset: stored.offset - lead, length: lead + bytes };
  const object = await host.env.SEGMENTS.get(stored.key, { range });
  if (!object) return null;
  const read = new Uint8Array(await object.arrayBuffer());
  if (read.length !== range.length) throw new Error(`expected ${range.length} bytes, got ${read.length}`);
  const reservoir =
    stored.lead > 0
      ? mp3.reservoirAfter(before ?? read.subarray(0, lead))
      : decodeBase64Url(stored.reservoir ?? "");
  // What it read before is not kept with it.
  const body = lead > 0 ? read.slice(lead) : read;
  return { body, metadata: encodeSegmentMetadata({ ...segment, body, reservoir }) };
}
