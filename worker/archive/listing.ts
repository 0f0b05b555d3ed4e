import {
  type ChunkIndex,
  chunkIndexSchema,
  chunksPrefix,
  decodeEpochDocument,
  epochChunksPrefix,
  epochDocumentKey,
  epochOfKey,
  epochSegmentsPrefix,
  epochsPrefix,
} from "../../shared/archive-format.ts";
import { decodeSegmentMetadata, mountPrefix, parseSegmentKey } from "../../shared/object-format.ts";
import { ProtocolError } from "../../shared/protocol-error.ts";
import type { SegmentRef } from "../../shared/segment.ts";
import type { Epoch, MountPath } from "../../shared/units.ts";
import type { ArchiveIndex } from "./archive-index.ts";

/** Epochs of which the bucket has anything, in order. */
export async function listEpochs(bucket: R2Bucket, mount: MountPath): Promise<Epoch[]> {
  const found = new Set<Epoch>();
  for (const prefix of [mountPrefix(mount), chunksPrefix(mount), epochsPrefix(mount)]) {
    for await (const page of pages(bucket, { prefix, delimiter: "/" })) {
      const keys = [...page.delimitedPrefixes, ...page.objects.map(({ key }) => key)];
      for (const epoch of keys.map(epochOfKey)) if (epoch !== null) found.add(epoch);
    }
  }
  return [...found].toSorted((a, b) => a - b);
}

/**
 * Makes the index of an epoch hold exactly what the bucket has. What is told while this lists stays. `from`: segments before
 * that are taken for known. Returns whether anything was another than the index had it.
 */
export async function reconcileEpoch(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
  from = 0,
): Promise<boolean> {
  const before = new Set(
    index.segments(mount, epoch, from, Number.MAX_SAFE_INTEGER, "loose").map(({ sequence }) => sequence),
  );
  let isChanged = await reconcileFacts(bucket, mount, epoch, index);
  if (await reconcileChunks(bucket, mount, epoch, index)) isChanged = true;
  const prefix = epochSegmentsPrefix(mount, epoch);
  const startAfter = from > 0 ? `${prefix}${String(from - 1).padStart(10, "0")}.zzz` : undefined;
  const options = {
    prefix,
    include: ["customMetadata" as const],
    ...(startAfter !== undefined && { startAfter }),
  };
  for await (const page of pages(bucket, options)) {
    const segments = page.objects.flatMap((object) => segmentOf(object) ?? []);
    for (const { sequence } of segments) before.delete(sequence);
    if (index.add(segments) > 0) isChanged = true;
  }
  if (before.size > 0) index.removeLoose(epoch, [...before]);
  return isChanged || before.size > 0;
}

async function reconcileFacts(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
): Promise<boolean> {
  // Whoever was told has written the document.
  if ((index.facts(epoch)?.facts.source ?? null) !== null) return false;
  const key = epochDocumentKey(mount, epoch);
  const object = await bucket.get(key);
  if (!object) return false;
  try {
    const { facts, naming } = decodeEpochDocument(epoch, await object.json());
    index.putFacts({ ...facts, end: facts.end ?? "lost" }, naming);
    return true;
  } catch (error) {
    console.warn("an epoch's document cannot be read", key, String(error));
    return false;
  }
}

async function reconcileChunks(
  bucket: R2Bucket,
  mount: MountPath,
  epoch: Epoch,
  index: ArchiveIndex,
): Promise<boolean> {
  const known = new Set(index.chunks(epoch));
  const keys = new Set<string>();
  for await (const page of pages(bucket, { prefix: epochChunksPrefix(mount, epoch) })) {
    for (const { key } of page.objects) keys.add(key);
  }
  let isChanged = false;
  for (const key of keys) {
    // A chunk without its index was never finished.
    if (!key.endsWith(".mp3") || !keys.has(indexKeyOf(key))) continue;
    if (known.delete(key)) continue;
    if (await readChunk(bucket, key, epoch, index)) isChanged = true;
  }
  for (const key of known) index.removeChunk(key);
  return isChanged || known.size > 0;
}

async function readChunk(bucket: R2Bucket, key: string, epoch: Epoch, index: ArchiveIndex): Promise<boolean> {
  const object = await bucket.get(indexKeyOf(key));
  const parsed = chunkIndexSchema.safeParse(object && (await object.json().catch(() => null)));
  if (!parsed.success) {
    console.warn("a chunk's index cannot be read", key);
    return false;
  }
  index.putChunk(key, epoch, parsed.data as ChunkIndex);
  return true;
}

const indexKeyOf = (chunk: string): string => chunk.replace(/\.mp3$/, ".json");

/** Null for an object that is no segment: it is not ours to judge. */
function segmentOf({ key, size, customMetadata }: R2Object): SegmentRef | null {
  try {
    const { epoch, sequence } = parseSegmentKey(key);
    const { startMs, firstSample, samples, sampleRate, channels, titles } = decodeSegmentMetadata(
      customMetadata ?? {},
    );
    if (size === 0) return null;
    const format = { samples, sampleRate, bytes: size, ...(channels !== undefined && { channels }) };
    return { epoch, sequence, startMs, firstSample, ...format, titles };
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    console.warn("an object is no segment", key, error.message);
    return null;
  }
}

async function* pages(bucket: R2Bucket, options: R2ListOptions): AsyncGenerator<R2Objects> {
  for (let cursor: string | undefined; ; ) {
    const page = await bucket.list({ ...options, ...(cursor !== undefined && { cursor }) });
    yield page;
    if (!page.truncated) return;
    ({ cursor } = page);
  }
}
