import { mp3 } from "../../../shared/codec/mp3/mp3.ts";
import type { Bucket } from "../bucket.ts";
import type { ChaosSource, SourceConnection } from "./chaos-source.ts";
import { readFrame } from "./stamped-frame.ts";

export interface ArchiveReport {
  /** Frames that the ingest had acknowledged. */
  readonly acknowledged: number;
  readonly missing: number;
  readonly repeated: number;
  readonly outOfOrder: number;
  readonly damaged: number;
  readonly notes: readonly string[];
}

/** On its way from a source to an ingest's memory, ms: a busy machine included. */
const onTheWayMs = 500;
const readsAtOnce = 8;

/**
 * Whether the ingest has answered for a frame. While its host lives: all that had reached it before the connection ended.
 * When the host is killed: what stood in a segment closed by then, which is one target duration and one frame ago.
 */
function acknowledgedUntil({ endedAt, hostLost }: SourceConnection, segmentMs: number): number {
  const end = endedAt ?? performance.now();
  return end - onTheWayMs - (hostLost ? segmentMs + 24 : 0);
}

/** Holds the stored objects of a mount against what its sources sent: each acknowledged frame once, in order, in whole frames. */
export async function checkArchive(
  bucket: Bucket,
  mount: string,
  sources: readonly ChaosSource[],
  segmentMs: number,
): Promise<ArchiveReport> {
  const notes: string[] = [];
  const stored = new Map<number, Set<number>>(sources.map(({ id }) => [id, new Set()]));
  const highest = new Map<number, number>();
  let repeated = 0;
  let outOfOrder = 0;
  let damaged = 0;
  for (const { key, body } of await readAll(bucket, await bucket.keys(mount))) {
    let end = 0;
    for (const { offset, size } of mp3.indexFrames(body)) {
      end = offset + size;
      const frame = readFrame(body.subarray(offset, end));
      const known = frame.kind === "source" ? stored.get(frame.source) : undefined;
      if (frame.kind !== "source" || known === undefined) {
        damaged++;
        notes.push(`${key}: ${frame.kind} at byte ${offset}`);
        continue;
      }
      const { source, number } = frame;
      if (known.has(number)) {
        repeated++;
        notes.push(`${key}: frame ${source}:${number} again`);
      } else if (number < (highest.get(source) ?? 0)) {
        outOfOrder++;
        notes.push(`${key}: frame ${source}:${number} after ${highest.get(source)}`);
      }
      known.add(number);
      highest.set(source, Math.max(number, highest.get(source) ?? 0));
    }
    if (end !== body.length) {
      damaged++;
      notes.push(`${key}: ${body.length - end} bytes that are no frame`);
    }
  }
  let acknowledged = 0;
  let missing = 0;
  for (const { id, connections } of sources) {
    for (const connection of connections) {
      const until = acknowledgedUntil(connection, segmentMs);
      for (const [index, sentAt] of connection.sentAt.entries()) {
        if (sentAt > until) break;
        acknowledged++;
        if (stored.get(id)?.has(connection.first + index) === true) continue;
        missing++;
        const agoMs = Math.round((connection.endedAt ?? 0) - sentAt);
        notes.push(`frame ${id}:${connection.first + index} is missing, sent ${agoMs} ms before the end`);
      }
    }
  }
  return { acknowledged, missing, repeated, outOfOrder, damaged, notes };
}

async function readAll(bucket: Bucket, keys: readonly string[]): Promise<{ key: string; body: Buffer }[]> {
  const objects: { key: string; body: Buffer }[] = [];
  for (let at = 0; at < keys.length; at += readsAtOnce) {
    objects.push(...(await Promise.all(keys.slice(at, at + readsAtOnce).map((key) => bucket.object(key)))));
  }
  return objects;
}
