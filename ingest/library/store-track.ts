import { mp3 } from "../../shared/codec/mp3/mp3.ts";
import { encodeSegmentMetadata } from "../../shared/object-format.ts";
import { fileIndexKey, fileSegmentKey } from "../../shared/stored-file.ts";
import { type CutTrack, CutError, digestOf, type OpenTrack, segmentsOf } from "./cut-track.ts";
import { InFlight } from "./in-flight.ts";
import { requestsPerTrack } from "./limits.ts";
import type { ObjectStore } from "./object-store.ts";

export type TrackStore = Pick<ObjectStore, "has" | "list" | "put">;

/** Bytes of a segment that are in storage now. */
type Stored = (bytes: number) => void;

/**
 * Puts into storage what it lacks of a track, its index last; a track that was broken off goes on where it was. Resolves
 * to the bytes that were put. Rejects with CutError when the file is not what it was when it was cut.
 */
export async function storeTrack(
  { id, index, digests }: CutTrack,
  open: OpenTrack,
  { store, stored }: { readonly store: TrackStore; readonly stored: Stored },
): Promise<number> {
  const there = new Set<string>();
  for await (const { key } of store.list(segmentPrefix(id))) there.add(key);
  const flight = new InFlight(requestsPerTrack);
  let put = 0;
  let number = 0;
  for await (const segment of segmentsOf(open)) {
    const key = fileSegmentKey(id, number, mp3.extension);
    // Under this name may be nothing else, for good.
    if (digestOf(segment.body) !== digests[number++]) throw new CutError(changed);
    if (there.has(key)) {
      stored(segment.bytes);
      continue;
    }
    const { contentType } = mp3;
    const metadata = { ...encodeSegmentMetadata(segment), ...libraryMark };
    const object = { body: segment.body, contentType, metadata };
    put += segment.bytes;
    await flight.add(async () => {
      await store.put(key, object, "absent");
      stored(segment.bytes);
    });
  }
  await flight.settled();
  if (number !== digests.length) throw new CutError(changed);
  const body = new TextEncoder().encode(JSON.stringify(index));
  await store.put(fileIndexKey(id), { body, contentType: "application/json", metadata: {} }, "absent");
  return put;
}

/** Custom metadata of a library's segments: a stored file without it is a mount's fallback or intro (`shared/stored-file.ts`). */
export const libraryMark = { library: "1" } as const;

const changed = "was changed while it was uploaded";

const segmentPrefix = (id: string): string => fileIndexKey(id).replace(/[^/]*$/, "");
