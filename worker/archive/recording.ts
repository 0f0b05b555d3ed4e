import type { MountPath } from "../../shared/units.ts";
import { isolateAsked } from "../isolate-counts.ts";
import type { Host } from "../mount-feed.ts";
import type { ArchivedSegment } from "./archived-segment.ts";
import { readAtOnceBytes, readAtOnceSegments } from "./file-limits.ts";
import type { ArchiveReader } from "./reader.ts";

/** A file that is made as it is read: from anywhere, in any order. */
export interface Recording {
  /** Bytes. */
  readonly size: number;
  /** All of it, where it is in memory anyway. */
  readonly bytes?: Uint8Array<ArrayBuffer>;
  /**
   * The bytes from `from` to before `to`, in parts that belong to others. Throws when storage does not have them, or has
   * fewer than were promised.
   */
  read(from: number, to: number): AsyncGenerator<Uint8Array>;
}

/** One that is small, and made already. */
export const bytesRecording = (bytes: Uint8Array<ArrayBuffer>): Recording => ({
  size: bytes.length,
  bytes,
  async *read(from, to) {
    yield await Promise.resolve(bytes.subarray(from, to));
  },
});

/** What a recording is made of: bytes, or those of a segment from `from` to before `to`. */
export type Part =
  | { readonly bytes: Uint8Array }
  | { readonly segment: ArchivedSegment; readonly from: number; readonly to: number };
type SegmentPart = Extract<Part, { readonly segment: ArchivedSegment }>;

/** A part of a segment, or all of it. */
export const segmentPart = (segment: ArchivedSegment, from = 0, to: number = segment.bytes): Part => ({
  segment,
  from,
  to,
});

export interface PartReader {
  readonly mount: MountPath;
  readonly reader: Pick<ArchiveReader, "load">;
  readonly host: Host;
}

/**
 * The bytes of parts after the first `skip`, exactly `length`. What is not asked for is not read, and what lies together in
 * storage is read together.
 */
export async function* readParts(
  parts: AsyncIterable<Part>,
  skip: number,
  length: number,
  from: PartReader,
): AsyncGenerator<Uint8Array> {
  let [before, left] = [skip, length];
  let together: SegmentPart[] = [];
  if (left > 0) {
    for await (const part of parts) {
      const size = "bytes" in part ? part.bytes.length : part.to - part.from;
      const start = Math.min(before, size);
      const end = Math.min(size, start + left);
      before -= start;
      if (start === end) continue;
      left -= end - start;
      const next = "bytes" in part ? null : { ...part, from: part.from + start, to: part.from + end };
      if (!next || !belongs(together, next)) {
        yield* readTogether(together, from);
        together = [];
      }
      if (next) together.push(next);
      else if ("bytes" in part) yield part.bytes.subarray(start, end);
      if (left === 0) break;
    }
  }
  yield* readTogether(together, from);
  if (left > 0) throw new Error(`a recording of ${from.mount} ended ${left} bytes early`);
}

function belongs(together: readonly SegmentPart[], next: SegmentPart): boolean {
  const last = together.at(-1);
  if (!last) return true;
  const bytes = together.reduce((sum, { from, to }) => sum + to - from, next.to - next.from);
  const { stored } = last.segment;
  if (bytes > readAtOnceBytes || stored.isChunk !== next.segment.stored.isChunk) return false;
  if (!stored.isChunk) return together.length < readAtOnceSegments;
  return stored.key === next.segment.stored.key && placeOf(last).end === placeOf(next).start;
}

const placeOf = ({ segment, from, to }: SegmentPart): { readonly start: number; readonly end: number } => ({
  start: segment.stored.offset + from,
  end: segment.stored.offset + to,
});

async function* readTogether(parts: readonly SegmentPart[], from: PartReader): AsyncGenerator<Uint8Array> {
  const [first, last] = [parts[0], parts.at(-1)];
  if (!first || !last) return;
  const run = first.segment.stored.isChunk && parts.length > 1 ? await readRun(first, last, from.host) : null;
  if (run) yield run;
  else yield* await Promise.all(parts.map((part) => readPart(part, from)));
}

/** Null when the chunk is not as it was: each of its segments may be elsewhere. */
async function readRun(first: SegmentPart, last: SegmentPart, { env }: Host): Promise<Uint8Array | null> {
  const offset = placeOf(first).start;
  const length = placeOf(last).end - offset;
  isolateAsked.bucketReads++;
  const object = await env.SEGMENTS.get(first.segment.stored.key, { range: { offset, length } });
  const bytes = object && new Uint8Array(await object.arrayBuffer());
  return bytes?.length === length ? bytes : null;
}

async function readPart(
  { segment, from, to }: SegmentPart,
  { mount, reader, host }: PartReader,
): Promise<Uint8Array> {
  const loaded = await reader.load(mount, segment, host);
  if (loaded?.body.length !== segment.bytes) {
    throw new Error(`storage does not have ${segment.stored.key} as the archive knows it`);
  }
  return loaded.body.subarray(from, to);
}
